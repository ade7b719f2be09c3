"""Issues a week's report once, and hands it out unchanged ever after.

The first who asks for a week that is over, or the schedule, issues it: all four forms are stored
in one insert, of which the store takes the first alone. A week that is not over, or of which
nothing is known (an import may still bring it), has a provisional report, which says so and is not
kept.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from api.ask.outlook import Outlook
from api.report.blocks import Block
from api.report.compose import compose
from api.report.document import document
from api.report.gather import Facts, gather, week_of
from api.report.html import to_html, with_foreword
from api.report.markdown import to_markdown, written
from api.report.model import WeeklyReport
from api.report.pdf import to_pdf
from api.report.pictures import Shortfalls
from api.report.week import Week
from api.run.wiring import Parts
from ingest.errors import NotFoundError
from store.records import Report

Form = Literal["html", "pdf", "md", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
MEDIA_TYPES: Mapping[Form, str] = {
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
}
_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')


@dataclass(frozen=True, slots=True)
class InlineImage:
    """A PNG that a mail carries beside its HTML, which speaks of it as `cid:`."""

    cid: str
    content: bytes


@dataclass(frozen=True)
class IssuedReport:
    """A week's report in all its forms, byte for byte as issued."""

    week: Week
    issued_at: datetime
    provisional: bool  # the week is not over: made for whoever asks, not kept
    forms: Mapping[Form, bytes]

    @property
    def html(self) -> str:
        """A page of its own, with its pictures inside."""
        return self.forms["html"].decode()

    @property
    def text(self) -> str:
        """Markdown, which is also what a mail shows where it shows no HTML."""
        return self.forms["md"].decode()

    @property
    def pdf(self) -> bytes:
        """For printing, and to be attached."""
        return self.forms["pdf"]

    @property
    def facts(self) -> WeeklyReport:
        """What it says, for those who say it in a few lines."""
        return WeeklyReport.model_validate_json(self.forms["json"])

    @property
    def subject(self) -> str:
        """One line for a mail: what the week cost."""
        return self.facts.subject

    def mail_text(self, foreword: Sequence[Block] = ()) -> str:
        """The text for a mail, with words for its reader above it."""
        return f"{written(foreword)}\n\n{self.text}" if foreword else self.text

    def mail_html(self, foreword: Sequence[Block] = ()) -> tuple[str, list[InlineImage]]:
        """The page for mail clients, many of which refuse pictures inside: they are parts of it.

        foreword: words for its reader, above the page as issued.
        """
        found: dict[str, InlineImage] = {}

        def named(picture: re.Match[str]) -> str:
            content = b64decode(picture[1])
            cid = f"{sha256(content).hexdigest()[:24]}@toll"
            found.setdefault(cid, InlineImage(cid, content))
            return f'src="cid:{cid}"'

        page = with_foreword(self.html, foreword) if foreword else self.html
        return _PICTURE.sub(named, page), list(found.values())


def issue_report(
    parts: Parts, week: Week, now: datetime, outlook: Outlook | None = None
) -> IssuedReport:
    """The report of a week: as it was issued, or issued now if the week is over.

    Asking again changes nothing, in whatever process. outlook: what this process knows of the
    usual; without it, it is learned here, which takes seconds.
    """
    issued = read_issued(parts, week)
    if issued is not None:
        return issued
    zone = ZoneInfo(parts.map.map.timezone)
    if week.bounds(zone)[0] > now:
        raise NotFoundError(f"week {week.name} has not begun")
    now = now.replace(microsecond=0)
    outlook = outlook or Outlook(parts)
    outlook.learned()  # what is issued never changes: it waits
    facts = gather(parts, outlook, week, now)
    report = compose(facts)
    made = IssuedReport(week, now, report.provisional, _made(facts, report, outlook))
    if report.provisional:
        return made
    parts.store.reports.issue(
        week.name,
        [Report(_name(week, form), now, MEDIA_TYPES[form], made.forms[form]) for form in FORMS],
    )
    return read_issued(parts, week) or made


def read_issued(parts: Parts, week: Week) -> IssuedReport | None:
    """A report that has been issued, None before."""
    found = {form: parts.store.reports.get(_name(week, form)) for form in FORMS}
    forms = {form: report.content for form, report in found.items() if report is not None}
    if len(forms) < len(FORMS):
        return None
    issued_at = next(report.made_at for report in found.values() if report is not None)
    return IssuedReport(week, issued_at, False, forms)


def weeks_issued(parts: Parts) -> list[tuple[Week, datetime]]:
    """Weeks whose report has been issued, and when, newest first."""
    names = parts.store.reports.names()
    found = [(week, name.made_at) for name in names if (week := week_of(name)) is not None]
    return sorted(found, reverse=True)


def _name(week: Week, form: Form) -> str:
    return f"weekly/{week.name}.{form}"


def _made(facts: Facts, report: WeeklyReport, outlook: Outlook) -> dict[Form, bytes]:
    """All forms of a report."""
    draw = Shortfalls(facts.loaded.map, outlook)
    written = document(report, facts.this_week, draw)
    return {
        "html": to_html(written),
        "pdf": to_pdf(written, report.issued_at),
        "md": to_markdown(written),
        "json": report.model_dump_json(indent=1).encode() + b"\n",
    }
