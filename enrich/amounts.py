"""How people write durations, money and shares in the map file: `24h`, `4.00 EUR per hour late`.

Every function takes the text as written and raises `ValueError` with what was found and what is
meant. Money goes from text to `Decimal` without ever being a float.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from enrich.model import Cost, Money, Open, PromiseIn, Value
from enrich.suggest import did_you_mean

# ISO 4217, the currencies in use (funds and precious metals left out).
_CODES = """
AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW
KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD
NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED
VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(\d{1,9})([smhdw])")
_COUNTED = re.compile(r"(\d{1,5}) (days?|working hours?)")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NAMED = "|".join(DAYS)
_SPAN = re.compile(rf"({_NAMED})(?:-({_NAMED}))? (\d\d):(\d\d)-(\d\d):(\d\d)")
_NUMBER = re.compile(r"\d{1,20}(\.\d{1,9})?")
_LONGEST = timedelta(days=3650)


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `24h`, `2d`, `1h30m`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise ValueError(f"'{text}' is not a duration; write it like 30m, 24h or 2d")
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not 0 < seconds <= _LONGEST.total_seconds():
        raise ValueError(
            f"'{text}' is not a usable duration; it must be more than 0 and below 10 y"
        )
    return timedelta(seconds=seconds)


def promise(text: str) -> tuple[timedelta, PromiseIn]:
    """`24h` of the clock, `2 days` of the calendar, `8 working hours`: how much, and of what.

    A calendar day is kept as 24 hours; which clock they are read from is the second part's to say.
    """
    counted = _COUNTED.fullmatch(text)
    try:
        if counted is None:
            return duration(text), "elapsed"
        number, unit = counted.groups()
        days = unit.startswith("day")
        return duration(number + ("d" if days else "h")), "days" if days else "working"
    except ValueError as error:
        raise ValueError(
            f"'{text}' is not a promise; write it like 24h, 2 days or 8 working hours"
        ) from error


def working_hours(text: str) -> tuple[Open, ...]:
    """`Mon-Thu 09:00-17:30, Fri 09:00-15:00`: a day may stand in several parts."""
    found: list[Open] = []
    for part in text.split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None:
            raise ValueError(
                f"'{part.strip()}': write it like Mon-Fri 09:00-17:00, Sat 10:00-14:00"
            )
        first, last = (DAYS.index(match[n] or match[1]) for n in (1, 2))
        opens, closes = (60 * int(match[n]) + int(match[n + 1]) for n in (3, 5))
        late = max(int(match[4]), int(match[6])) > 59 or closes > 24 * 60
        if late or last < first or closes <= opens:
            raise ValueError(f"'{part.strip()}': days and hours run forward, from 00:00 to 24:00")
        found += [Open(day, opens, closes) for day in range(first, last + 1)]
    found.sort(key=lambda o: (o.weekday, o.opens))
    for one, other in pairwise(found):
        if one.weekday == other.weekday and other.opens < one.closes:
            raise ValueError(f"'{text}' has {DAYS[one.weekday]} twice at the same time")
    return tuple(found)


def currency(text: str) -> str:
    """An ISO 4217 code, such as `EUR`."""
    if text not in CURRENCIES:
        hint = did_you_mean(text, CURRENCIES) if len(text) == 3 else "; write it like EUR or USD"
        raise ValueError(f"'{text}' is not a currency of ISO 4217{hint}")
    return text


def money(text: str) -> Money:
    """`6.50 EUR`: an exact amount, a blank, a currency."""
    amount, _, code = text.partition(" ")
    if not _NUMBER.fullmatch(amount) or not code:
        raise ValueError(f"'{text}' is not money; write it like 6.50 EUR")
    return Money(Decimal(amount), currency(code.strip()))


def value(text: str) -> Value:
    """What a unit is worth: `amount`, `6.50 EUR`, `6.50 EUR per unit`, `4.00 EUR per hour late`."""
    if text == "amount":
        return Value("amount")
    sum_text, found, per = text.partition(" per ")
    if found and per not in ("unit", "hour late"):
        raise ValueError(f"'{text}': a value is per unit or per hour late, not per {per}")
    try:
        worth = money(sum_text)
    except ValueError as error:
        if _NUMBER.match(text):
            raise
        raise ValueError(
            f"'{text}' is not a value; write amount, 6.50 EUR, or 4.00 EUR per hour late"
        ) from error
    return Value("per_hour_late" if per == "hour late" else "per_unit", worth)


def cost(text: str) -> Cost:
    """What running a node costs: `180000 EUR/year`, `12000 EUR per month`."""
    sum_text, _, per = text.replace(" per ", "/").partition("/")
    match per.strip():
        case "hour" | "day" | "month" | "year" as unit:
            return Cost(money(sum_text.strip()), unit)
    raise ValueError(f"'{text}' is not a cost; write it like 180000 EUR/year (hour, day, month)")


def labour(text: str) -> Money:
    """What one person costs in one hour: `85 EUR`, `85 EUR/hour`."""
    return money(text.replace(" per ", "/").removesuffix("/hour").strip())


def number(text: str) -> Decimal:
    """A plain decimal number, not negative."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"'{text}' is not a number from 0 up; write it like 0.92")
    return Decimal(text)


def share(text: str) -> float:
    """A share from 0 to 1."""
    found = float(number(text)) if _NUMBER.fullmatch(text) else -1.0
    if not 0 <= found <= 1:
        raise ValueError(f"'{text}' is not a share from 0 to 1; write 0.35 for 35 %")
    return found


def part_of(text: str) -> Decimal:
    """A share of a sum: `10%`, or `0.1`; above 0 and up to 1."""
    found = number(text.removesuffix("%").rstrip()) / (100 if text.endswith("%") else 1)
    if not 0 < found <= 1:
        raise ValueError(f"'{text}' is not a share; write it like 10%")
    return found


def percent(text: str) -> float:
    """A percentage above 0 and up to 100, such as `99.9`."""
    found = float(number(text.removesuffix("%").rstrip()))
    if not 0 < found <= 100:
        raise ValueError(f"'{text}' is not a percentage above 0 and up to 100; write it like 99.9")
    return found


def rate(text: str) -> Decimal:
    """What one unit of a currency is worth in the company's own: above 0."""
    found = number(text)
    if not found:
        raise ValueError("a rate of 0 makes money disappear; write what one unit is worth")
    return found


def day(text: str) -> date:
    """A day: `2026-01-01`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"'{text}' is not a day; write it like 2026-01-01") from None
