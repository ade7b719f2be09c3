"""Numbers as people read them, the same on the page, in the terminal and in reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.http.schemas import Impact, Sum, Units
from enrich.edits import (
    Action,
    Cause,
    Dismiss,
    End,
    Merge,
    Reach,
    Response,
    Split,
    Start,
    Title,
    Undo,
)
from enrich.model import HEADLINE, CostPart
from ingest.currencies import minor_digits


def units(number: float | None) -> str:
    """A count with as many digits as it can bear: 3.4, 34, 3,400."""
    if number is None:
        return "–"
    size = abs(number)
    if size >= 10 or size < 0.05:
        return f"{number:,.0f}".replace("-0", "0") if round(number) == 0 else f"{number:,.0f}"
    return f"{number:,.1f}"


def count(number: float | None) -> str:
    """What was counted, not estimated: 3, 34, 3,400."""
    return "–" if number is None else f"{number:,.0f}"


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: 1 incident, 2 incidents."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def availability(found: float, promised: float | None) -> str:
    """A percentage with the digits that tell on which side of the promise it is; at least two."""
    for digits in range(2, 4):
        if promised is None or (round(found, digits) < promised) == (found < promised):
            return f"{found:.{digits}f} %"
    return f"{found:.4f} %"


def units_range(range_: Units | None) -> str:
    """The two ends of a range of units."""
    return "–" if range_ is None else f"{units(range_.low)} to {units(range_.high)}"


def amount(value: Decimal, currency: str) -> str:
    """A sum: EUR 10,900; below 100 with its cents."""
    return f"{currency} {plain_amount(value, currency)}"


def plain_amount(value: Decimal, currency: str) -> str:
    """The same where the currency is said elsewhere."""
    return _number(value, currency, [value])


def exact(value: Decimal, currency: str) -> str:
    """A sum with all the digits that its currency has: 10,900.00 of EUR, 10,900 of JPY."""
    return f"{value:,.{minor_digits(currency)}f}"


def _number(value: Decimal, currency: str, among: Sequence[Decimal]) -> str:
    """A sum with the digits that all it stands beside can bear."""
    cents = any(v != v.to_integral_value() for v in among) and all(abs(v) < 100 for v in among)
    digits = minor_digits(currency) if cents and value else 0
    said = f"{value:,.{digits}f}"
    return said if any(c in "123456789" for c in said) else said.removeprefix("-")


def money(sum_: Sum) -> str:
    """The middle of a sum."""
    return f"{sum_.currency} {_number(sum_.mid, sum_.currency, _of(sum_))}"


def money_range(sum_: Sum) -> str:
    """The ends of a sum, to stand beside its middle; says so where it may as well be nothing."""
    ends = " to ".join(_number(end, sum_.currency, _of(sum_)) for end in (sum_.low, sum_.high))
    return f"{ends}, includes zero" if sum_.low <= 0 <= sum_.high else ends


def _of(sum_: Sum) -> list[Decimal]:
    return [sum_.low, sum_.mid, sum_.high]


def age(since: datetime, until: datetime | None) -> str:
    """How long something lasted: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    if until is None:
        return "still going on"
    return lasted(until - since)


def lasted(span: timedelta) -> str:
    """A length of time: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 90 and seconds != 60:
        return f"{seconds} s"
    if seconds < 5400 and seconds != 3600:
        return f"{round(seconds / 60)} min"
    hours, rest = divmod(seconds, 3600)
    if hours < 48:
        return f"{hours} h {rest // 60} min" if rest >= 60 else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_BUSY = 0.9  # of the busiest hour's units: as good as the peak


def slot(hour: int) -> str:
    """An hour of the week: 0 is `Mon 00:00`."""
    return f"{DAYS[hour // 24]} {hour % 24:02}:00"


def busiest_hours(week: Sequence[float]) -> str:
    """When a week of 168 hours is at its busiest: `Mon to Thu 19:00 to 22:00, Sun 18:00 to 22:00`.

    Empty where nothing ever happens.
    """
    least = _BUSY * max(week)
    if least <= 0:
        return ""
    days = [
        [hour for hour in range(24) if week[24 * day + hour] >= least] for day in range(len(DAYS))
    ]
    found = []
    for hours, group in groupby(range(len(DAYS)), key=lambda day: days[day]):
        if hours:
            alike = list(group)
            named = DAYS[alike[0]] + (f" to {DAYS[alike[-1]]}" if len(alike) > 1 else "")
            found.append(f"{named} {' and '.join(_spans(hours))}")
    return ", ".join(found)


def _spans(hours: Sequence[int]) -> list[str]:
    """Runs of hours of one day, each from its beginning to its end."""
    runs = groupby(enumerate(hours), key=lambda place: place[1] - place[0])
    found = [[hour for _, hour in run] for _, run in runs]
    return [f"{run[0]:02}:00 to {run[-1] + 1:02}:00" for run in found]


def words(name: str) -> str:
    """A name of the wire as words: `delay_hours` is "delay hours"."""
    return name.replace("_", " ")


WHOLE = 0.995  # a share of a shortfall from here on is all of it


def sentence(impact: Impact) -> str:
    """What one incident did to one measure, in one sentence."""
    parts = _said(impact.kind, impact.measure_title.lower(), impact.units)
    if not parts:
        return f"{impact.measure_title}: no number ({'; '.join(impact.warnings) or 'no data'})"
    if impact.cost:
        cost = impact.money[impact.cost]
        parts.append(f"{money(cost)} ({money_range(cost)})")
    if impact.lost_is == "forecast":
        parts.append("as forecast")
    if impact.share < WHOLE:
        parts.append(f"{impact.share:.0%} of a shared shortfall")
    return ", ".join(parts)


# What people call the parts of a cost.
PART_TITLES: Mapping[CostPart, str] = {
    "lost_value": "Lost value",
    "delay": "Delay",
    "extra_calls": "Extra calls",
    "response_time": "People's time",
    "credits_owed": "Credits owed to customers",
    "credits_due": "Credits due from providers",
}


def edit_in_words(action: Action) -> str:
    """What an edit says."""
    match action:
        case Start(at):
            return f"began at {moment(at)}"
        case End(at):
            return "is still going on" if at is None else f"ended at {moment(at)}"
        case Cause(node):
            return f"the cause is {node}"
        case Reach(add, remove):
            more, less = ([f"hit {n} too" for n in add], [f"did not hit {n}" for n in remove])
            return ", ".join([*more, *less])
        case Title(text):
            return f"is called '{text}'"
        case Merge(into):
            return f"is a part of {into}"
        case Split(episodes):
            many = len(episodes) > 1
            said = f"{len(episodes)} signals are an" if many else "one signal is an"
            return f"{said} incident of {'their' if many else 'its'} own"
        case Dismiss():
            return "is not an incident"
        case Response(people, hours):
            if not people:
                return "took nobody's time"
            who = "one person" if people == 1 else f"{people} people"
            each = " each" if people > 1 else ""
            return f"took {who} " + ("all the while" if hours is None else f"{hours:f} h{each}")
        case Undo(edit):
            return f"edit {edit} does not stand"


def moment(at: datetime) -> str:
    """A moment in UTC, to the minute, or to the second where it has some."""
    shown = "%Y-%m-%d %H:%M" if at.second == 0 else "%Y-%m-%d %H:%M:%S"
    return f"{at.astimezone(UTC).strftime(shown)} UTC"


# How tools and business stood, what is amiss first.
GAP_WORDS: Mapping[str, str] = {
    "only_business_red": "tools green, business red",
    "only_tools_red": "tools red, business green",
    "both_red": "both red",
    "both_green": "both green",
    "cannot_tell": "cannot tell",
    "maintenance": "planned maintenance",
}
# What the trust ledger calls the moments and parts of numbers.
AGE_WORDS: Mapping[str, str] = {
    "first": "first number",
    "ten_minutes": "after 10 min",
    "cleared": "alerts cleared",
    "hour_after": "1 h after",
}
PART_WORDS: Mapping[str, str] = {
    "lost": "lost, forecast",
    "gross": "gross",
    "excess": "excess so far",
    "delayed": "delayed, forecast",
}


def _said(kind: str, what: str, found: Mapping[str, Units]) -> list[str]:
    headline = found.get(HEADLINE[kind])
    if headline is None:
        return []
    ends = units_range(headline) + (", includes zero" if headline.low <= 0 <= headline.high else "")
    count = f"{units(headline.mid)} {what}"
    if kind == "load":
        return [f"{units(headline.mid)} extra {what} ({ends})"]
    if kind == "flow":
        return [f"{count} lost ({ends})"]
    said = [f"{count} delayed ({ends})"]
    if "delay_hours" in found:
        said.append(f"{units(found['delay_hours'].mid)} hours late")
    if "waiting" in found:
        said.append(f"{units(found['waiting'].mid)} still waiting")
    return said
