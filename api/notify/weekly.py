"""When the weekly report is due: a weekday and a time by the clocks of the subscriber's zone.

A time that does not exist, in the night in which clocks go forward, is as far after midnight as it
would have been: 02:30 is then 03:30. Of a time that exists twice it is the first. The report is of
the last week that was over then by the company's own calendar.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from api.notify.subscribers import Subscriber, Weekly
from api.notify.telling import Telling
from api.report.week import Week
from enrich.model import BusinessMap
from store.records import Note

LATE = timedelta(days=2)  # so long after its time a report is still sent, where Toll was away


def last_due(weekly: Weekly, now: datetime) -> datetime:
    """The newest moment at which a report was due, in UTC."""
    zone = ZoneInfo(weekly.zone)
    today = now.astimezone(zone).date()
    day = today - timedelta(days=(today.weekday() - weekly.weekday) % 7)
    at = time(weekly.hour, weekly.minute)
    for candidate in (day, day - timedelta(days=7)):
        # Leaving the zone and no sooner resolves a time that is missing (by the offset before the
        # change) or double (fold 0: the first).
        moment = datetime.combine(candidate, at, zone).astimezone(UTC)
        if moment <= now:
            return moment
    raise AssertionError("a week ago is never ahead")


def due(weekly: Weekly, now: datetime) -> datetime | None:
    """The moment for which a report is to be sent now, None where that is too long ago."""
    moment = last_due(weekly, now)
    return moment if now - moment <= LATE else None


def weekly_note(
    subscriber: Subscriber, business_map: BusinessMap, moment: datetime, generation: int
) -> Note:
    """The note that a report is sent with, for the moment at which it was due.

    The report itself is made, or read, when it is sent.
    """
    week = Week.last_over(moment, ZoneInfo(business_map.timezone)).name
    told = Telling(
        kind="weekly",
        company=business_map.company,
        zone=subscriber.zone,
        at=moment,
        title=f"Week {week}",
        week=week,
        path=f"v1/reports/weekly/{week}.html",
    )
    payload = told.model_dump_json(exclude_none=True)
    return Note("", f"weekly:{week}", subscriber.name, payload, moment, generation)
