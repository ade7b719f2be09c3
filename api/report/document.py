"""From what a report says to the document that every form is written from."""

from __future__ import annotations

from collections.abc import Sequence

from api.report.blocks import Document, Picture
from api.report.first_page import first_page, subtitle, title
from api.report.model import WeeklyReport
from api.report.pictures import Draw
from api.report.sections import DETAILED, sections
from impact.weekly import Case


def document(report: WeeklyReport, cases: Sequence[Case], draw: Draw) -> Document:
    """The document. cases: the incidents of the report, with what their pictures are drawn from."""
    by_id = {case.incident.id: case for case in cases}
    shown: dict[str, tuple[Picture, ...]] = {}
    for case in report.cases[:DETAILED]:
        if case.kind != "maintenance":
            drawn = (draw(impact) for impact in by_id[case.id].impacts)
            shown[case.id] = tuple(picture for picture in drawn if picture is not None)
    return Document(
        title=title(report),
        subtitle=subtitle(report),
        about=report.subject,
        first=tuple(first_page(report)),
        rest=tuple(sections(report, shown)),
        footer=f"Toll {report.toll}. Numbers in brackets hold the truth nine times out of ten.",
    )
