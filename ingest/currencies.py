"""The currencies of ISO 4217: list one, with precious metals and units of account.

Codes withdrawn since 2010 stay, because history is imported too. `XXX` (no currency) and `XTS`
(for tests) are left out: an amount in them is not money.
"""

from __future__ import annotations

_IN_USE = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD BTN BWP
BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR
FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES
KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR
MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS
UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAD XAF XAG XAU XBA XBB XBC XBD XCD XCG XDR
XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG
"""
_WITHDRAWN = "BYR CUC EEK HRK LTL LVL MRO SLL STD VEF ZMK ZWL"

CURRENCIES: frozenset[str] = frozenset((_IN_USE + _WITHDRAWN).split())

# Those whose minor unit is not a hundredth.
_WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = {
    code: digits
    for codes, digits in ((_WHOLE, 0), (_THOUSANDTHS, 3), ("CLF UYW", 4))
    for code in codes.split()
}


def minor_digits(currency: str) -> int:
    """Digits behind the point of the smallest amount: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)
