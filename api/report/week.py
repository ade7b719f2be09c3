"""ISO weeks in the company's own zone: Monday 00:00 to Monday 00:00 by its clocks. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from impact.calendar import midnight
from ingest.errors import InputError

_FORM = re.compile(r"(\d{4})-W(\d{2})")
_FIRST, _LAST = 1971, 2199  # years that the store can tell moments of


@dataclass(frozen=True, slots=True, order=True)
class Week:
    """A week as ISO 8601 counts them; in the week of a clock change it has 167 or 169 hours."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> Week:
        """Read `2026-W46`; `InputError` for a week that no calendar has."""
        found = _FORM.fullmatch(text)
        if found is None or not _FIRST <= int(found[1]) <= _LAST:
            raise InputError(f"'{text}' is no week: write it as 2026-W46")
        week = cls(int(found[1]), int(found[2]))
        try:
            week.monday  # noqa: B018  # the calendar refuses what it does not have
        except ValueError:
            raise InputError(f"{week.year} has no week {week.number}") from None
        return week

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> Week:
        """The week that a moment belongs to, by the clocks of a zone."""
        year, number, _ = moment.astimezone(zone).isocalendar()
        return cls(year, number)

    @classmethod
    def last_over(cls, now: datetime, zone: ZoneInfo) -> Week:
        """The newest week that is over."""
        return cls.of(now, zone).back(1)

    @property
    def name(self) -> str:
        """As it is written: 2026-W46."""
        return f"{self.year}-W{self.number:02}"

    @property
    def monday(self) -> date:
        """Its first day."""
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def sunday(self) -> date:
        """Its last day."""
        return self.monday + timedelta(days=6)

    def back(self, weeks: int) -> Week:
        """The week so many weeks before."""
        year, number, _ = (self.monday - timedelta(weeks=weeks)).isocalendar()
        return Week(year, number)

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """[start, end) in UTC."""
        return midnight(self.monday, zone), midnight(self.monday + timedelta(days=7), zone)

    def over(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether nothing can happen in it any more."""
        return self.bounds(zone)[1] <= now
