"""The report in docs/report; `python -m tests.report_example` (`make report-example`) writes it.

The demo's shop is loaded up to a Monday, its report issued, then lived on for a week, so that the
second report has something to look back at.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from api.ask.outlook import Outlook, View
from api.assess.assessor import Assessor
from api.demo import Shop
from api.report.compose import compose
from api.report.document import document
from api.report.gather import gather
from api.report.issue import issue_report
from api.report.pdf import to_pngs
from api.report.pictures import Shortfalls
from api.report.week import Week
from api.run.wiring import Parts
from api.simulated.drive import LogSender, demo_map
from enrich.edits import Edit, Start
from enrich.incident import Incident
from store.store import open_store
from tests.api.app import opened

FOLDER = Path(__file__).parents[1] / "docs" / "report"
ZONE = ZoneInfo("Europe/Berlin")
WEEK = Week(2026, 46)
SEED, WEEKS = 11, 8
KEPT_DAYS = "20000"  # the example's dates stay what they are; raw events must not be too old


class OutlookThen(Outlook):
    """What was usual at a moment, whatever the clock says now."""

    def __init__(self, parts: Parts, now: datetime) -> None:
        super().__init__(parts)
        self._then = self.refresh(now)

    def view(self) -> View:
        return self._then


def main() -> None:
    """Write the example; with a folder, also every page of it as PNG there."""
    pages = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        store = open_store(None, data / "data", retention=timedelta(days=int(KEPT_DAYS)))
        with opened(data, store, map=str(demo_map()), retention_days=KEPT_DAYS) as toll:
            _live(toll.parts, toll.ingest, pages)
        store.close()


def _live(parts: Parts, ingest, pages: Path | None) -> None:
    monday = WEEK.bounds(ZONE)[0]
    over = WEEK.bounds(ZONE)[1]
    shop = Shop(SEED, over - timedelta(hours=4), weeks=WEEKS)
    sender = LogSender(parts)
    first = monday + timedelta(minutes=30)
    for chunk in shop.history(first):
        sender.business(chunk, history=True)
    sender.signals(shop.signals(shop.first, first))
    ingest()
    _assess(parts, first)
    issue_report(parts, WEEK.back(1), first, OutlookThen(parts, first))
    earlier = parts.store.incidents.find(start=first - timedelta(days=3), end=first)[0].incident
    parts.store.edits.insert([_correction(earlier, first)])
    last = over + timedelta(hours=6)
    sender.business(b"\n".join(line.body for line in shop.live(first, last)), history=True)
    sender.signals(shop.signals(first, last))
    ingest()
    _assess(parts, last)
    outlook = OutlookThen(parts, last)
    facts = gather(parts, outlook, WEEK, last)
    written = document(compose(facts), facts.this_week, Shortfalls(facts.loaded.map, outlook))
    drawn = to_pngs(written, last)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "first-page.png").write_bytes(drawn[0])
    if pages is not None:
        for number, page in enumerate(drawn, 1):
            (pages / f"page-{number}.png").write_bytes(page)
    issued = issue_report(parts, WEEK, last, outlook)
    for form, content in issued.forms.items():
        (FOLDER / f"{WEEK.name}.{form}").write_bytes(content)


def _correction(incident: Incident, now: datetime) -> Edit:
    """What somebody finds out on the day after the report."""
    began = Start(incident.started_at - timedelta(minutes=10))
    why = "customers complained ten minutes before the first alarm"
    return Edit("correction", incident.id, now + timedelta(days=1), "on-call", why, began)


def _assess(parts: Parts, now: datetime) -> None:
    assessor = Assessor(parts, now=lambda: now)
    assessor.tick()
    while assessor.status.backlog:
        assessor.tick()


if __name__ == "__main__":
    main()
