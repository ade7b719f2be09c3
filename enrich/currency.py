"""How finely currencies are counted (ISO 4217)."""

from __future__ import annotations

# currencies whose minor unit is not a hundredth
_NO_MINOR = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND"
_DIGITS = {
    code: digits
    for codes, digits in ((_NO_MINOR, 0), (_THOUSANDTHS, 3), ("CLF UYW", 4))
    for code in codes.split()
}


def minor_digits(currency: str) -> int:
    """Digits behind the point of the smallest amount: 2 for EUR, 0 for JPY, 3 for KWD."""
    return _DIGITS.get(currency, 2)
