"""The JSON form of an impact: what the API, the CLI and the log say of it.

Times are RFC 3339 in UTC, money is a decimal string, every number of units has its range.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from impact.model import MeasureImpact, MoneyRange, Range

Json = dict[str, object]

DIGITS = 2  # of units: finer than any range


def to_json(impact: MeasureImpact) -> Json:
    """One estimate as an object; draws stay in the store."""
    body: Json = {
        "incident": impact.incident,
        "process": impact.process,
        "measure": impact.measure,
        "kind": impact.kind,
        "state": impact.state,
        "as_of": rfc3339(impact.as_of),
        "method": impact.method,
        "units": {name: range_json(units) for name, units in impact.units.items()},
    }
    if impact.lost_is:
        body["lost_is"] = impact.lost_is
    return body | {
        "money": {name: money_json(money) for name, money in impact.money.items()},
        "data_until": rfc3339(impact.data_until),
        "per_minute": _per_minute(impact),
        "share": round(impact.share, 4),
        "evidence": dict(impact.evidence),
        "inputs": {name: _number(value) for name, value in impact.inputs.items()},
        "warnings": list(impact.warnings),
    }


def range_json(units: Range) -> Json:
    """{low, mid, high}."""
    return {"low": _number(units.low), "mid": _number(units.mid), "high": _number(units.high)}


def money_json(money: MoneyRange) -> Json:
    """{low, mid, high, currency}, money as decimal strings."""
    ends = {"low": money.low, "mid": money.mid, "high": money.high}
    return {**{name: plain(sum_) for name, sum_ in ends.items()}, "currency": money.currency}


def plain(amount: Decimal) -> str:
    """A decimal without an exponent."""
    return format(amount, "f")


def rfc3339(moment: datetime) -> str:
    """A moment in UTC with a Z; seconds, and milliseconds only where there are some."""
    utc = moment.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def _per_minute(impact: MeasureImpact) -> Json | None:
    if impact.per_minute_units is None:
        return None
    money = impact.per_minute_money
    return {
        "units": _number(impact.per_minute_units),
        "money": None if money is None else plain(money),
    }


def _number(value: float) -> float | int:
    """At most DIGITS digits after the point, none where there are none."""
    rounded = round(value, DIGITS)
    return int(rounded) if rounded == int(rounded) else rounded
