"""Weekly reports: issued once, handed out unchanged ever after."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field

from api.http import problems
from api.http.auth import Reading
from api.http.schemas import Utc
from api.http.state import State, state_of
from api.report.issue import FORMS, MEDIA_TYPES, Form, issue_report, weeks_issued
from api.report.week import Week
from ingest.errors import InputError

router = APIRouter(tags=["numbers"])

_LATEST = "latest"
# A report is a document of its own: what it holds is inside, and nothing in it may run.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"


class ReportIssued(BaseModel):
    """A week whose report has been issued."""

    week: str = Field(examples=["2026-W46"])
    issued_at: Utc
    links: dict[str, str] = Field(
        description="By form.", examples=[{"pdf": "/v1/reports/weekly/2026-W46.pdf"}]
    )


class _File(Response):
    """A report in one of its forms."""


@router.get(
    "/v1/reports",
    summary="Weekly reports issued, newest first",
    responses=problems.responses(401, 403, 503),
)
def list_reports(request: Request, _: Reading) -> list[ReportIssued]:
    """A report is issued by the schedule, or when somebody first asks for a week that is over."""
    return [
        ReportIssued(
            week=week.name,
            issued_at=issued_at,
            links={form: f"/v1/reports/weekly/{week.name}.{form}" for form in FORMS},
        )
        for week, issued_at in weeks_issued(state_of(request).parts)
    ]


@router.get(
    "/v1/reports/weekly/{week}.{form}",
    summary="The report of a week: html, pdf, md or json",
    response_class=_File,
    responses={
        **problems.responses(401, 403, 404, 422, 503),
        200: {
            "description": "The report, byte for byte as it was issued.",
            "content": {
                MEDIA_TYPES[form].partition(";")[0]: {
                    "schema": {"type": "object" if form == "json" else "string"}
                }
                for form in FORMS
            },
        },
    },
)
def get_report(
    request: Request,
    _: Reading,
    week: Annotated[
        str,
        Path(
            description="An ISO week, or `latest`: the last one that is over.",
            examples=["2026-W46"],
        ),
    ],
    form: Annotated[Form, Path(description="Which form.")],
) -> Response:
    """A week that is over is issued at the first ask; one that is not has a provisional report.

    What is issued never changes; what is learned later is in the report of the next week. Weeks
    are those of the company's time zone, Monday to Sunday.
    """
    state, now = state_of(request), datetime.now(UTC)
    found = issue_report(state.parts, _week(state, week, now), now, state.outlook())
    name = f"{found.week.name}{'-provisional' if found.provisional else ''}.{form}"
    return Response(
        found.forms[form],
        media_type=MEDIA_TYPES[form],
        headers={
            "Cache-Control": "no-store" if found.provisional else "private, max-age=86400",
            "Content-Security-Policy": _POLICY,
            "Content-Disposition": f'inline; filename="{name}"',
        },
    )


def _week(state: State, text: str, now: datetime) -> Week:
    if text == _LATEST:
        return Week.last_over(now, ZoneInfo(state.parts.map.map.timezone))
    try:
        return Week.parse(text)
    except InputError as error:
        raise InputError(f"{error}; `{_LATEST}` is the last one that is over") from None
