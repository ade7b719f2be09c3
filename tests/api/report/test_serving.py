"""Reports over HTTP, on their page, and by the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from api.report.week import Week
from tests.api.app import SHOP, assert_problem, bearer
from tests.api.report.facts import OVER, the_week
from tests.api.report.test_report import said

pytestmark = pytest.mark.engine
BERLIN = ZoneInfo("Europe/Berlin")


def test_each_form_has_its_media_type_and_may_run_nothing(toll):
    the_week(toll)
    said(toll)
    media = {
        "html": "text/html; charset=utf-8",
        "pdf": "application/pdf",
        "md": "text/markdown; charset=utf-8",
        "json": "application/json",
    }
    for form, expected in media.items():
        answer = toll.http.get(f"/v1/reports/weekly/2026-W46.{form}")
        assert answer.headers["content-type"] == expected
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["content-disposition"] == f'inline; filename="2026-W46.{form}"'
    assert toll.ask("/v1/reports") == [
        {
            "week": "2026-W46",
            "issued_at": OVER.isoformat().replace("+00:00", "Z"),
            "links": {form: f"/v1/reports/weekly/2026-W46.{form}" for form in media},
        }
    ]


def test_latest_is_the_last_week_that_is_over(toll):
    found = toll.ask("/v1/reports/weekly/latest.json")
    assert found["week"] == Week.last_over(datetime.now(UTC), BERLIN).name
    running = Week.of(datetime.now(UTC), BERLIN)
    answer = toll.http.get(f"/v1/reports/weekly/{running.name}.md")
    assert f"{running.name}-provisional.md" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("name", "status"),
    [("2026-W54.pdf", 422), ("now.pdf", 422), ("2199-W01.pdf", 404), ("2026-W46.docx", 422)],
)
def test_what_there_cannot_be_is_a_problem(toll, name, status):
    assert_problem(toll.http.get(f"/v1/reports/weekly/{name}"), status)


def test_reports_want_a_token_where_there_are_tokens(guarded):
    assert_problem(guarded.http.get("/v1/reports/weekly/latest.html"), 401)
    assert_problem(guarded.http.get("/v1/reports"), 401)
    assert guarded.http.get("/v1/reports", headers=bearer("read")).status_code == 200


def test_the_page_lists_what_was_issued_and_what_can_be(toll):
    the_week(toll)
    said(toll)
    page = toll.http.get("/reports").text
    assert "9 Nov to 15 Nov 2026" in page
    assert 'href="./v1/reports/weekly/2026-W46.pdf"' in page
    assert Week.of(datetime.now(UTC), BERLIN).name in page


@pytest.mark.slow
def test_the_command_writes_files_and_prints_markdown(
    cli, alone, own_engine, tmp_path, monkeypatch
):
    monkeypatch.setenv("TOLL_MAP", str(SHOP))
    code, out, err = cli("report")
    assert (code, err) == (0, "")
    assert out.startswith("# Example Shop: what outages cost")
    code, out, _ = cli("report --week 2026-W46 -o week.PDF")
    assert code == 0 and "week.PDF" in out
    assert (tmp_path / "week.PDF").read_bytes().startswith(b"%PDF")
    code, _, err = cli("report -o week.docx")
    assert code == 1 and ".html, .pdf, .md, .json" in " ".join(err.split())
    code, _, err = cli("report --week 2026-W99")
    assert code == 1 and "2026 has no week 99; `latest` is" in " ".join(err.split())
