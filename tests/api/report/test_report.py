"""The weekly report: a worked example by hand, its forms, its words, and that it never changes."""

from __future__ import annotations

import json
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
import typst

from api.ask.outlook import Outlook
from api.assess.status import BACKLOG
from api.report import pdf
from api.report.compose import compose
from api.report.document import document
from api.report.gather import gather
from api.report.issue import FORMS, issue_report, read_issued
from api.report.week import Week
from enrich.edits import Edit, Start
from ingest.errors import NotFoundError
from tests.api.report.facts import MONDAY, OVER, carried, lost, outage, the_week, told

pytestmark = pytest.mark.engine
WEEK = Week(2026, 46)


@pytest.fixture
def week(toll):
    the_week(toll)
    return toll


def said(toll, week=WEEK, now=OVER):
    issued = issue_report(toll.parts, week, now)
    return json.loads(issued.forms["json"]), issued


class _Words(HTMLParser):
    """The text of a page, and all that it would fetch."""

    def __init__(self):
        super().__init__()
        self.words, self.fetched, self._skip = [], [], False

    def handle_starttag(self, tag, attrs):
        self._skip = tag == "style"
        for name, value in attrs:
            if name in ("src", "href", "srcset", "background", "action", "data"):
                self.fetched.append(value)
            if name == "alt":
                self.words.append(value)

    def handle_endtag(self, tag):
        self._skip = False

    def handle_data(self, data):
        if not self._skip:
            self.words.append(data)


def text_of(html):
    parser = _Words()
    parser.feed(html)
    return " ".join(" ".join(parser.words).split()), parser.fetched


def test_the_sums_are_those_that_one_gets_by_hand(week):
    report, _ = said(week)
    # 100 x 10.00 + 200 x 10.00 + 40 x 6.50; carts are the payments' money, CHF has no rate.
    assert report["cost"]["mid"] == "3260.00"
    # Draws of both go from -500 to +500 in step: the middle nine tenths.
    assert (report["cost"]["low"], report["cost"]["high"]) == ("2360.00", "4160.00")
    assert report["cost_before"]["mid"] == "300.00"
    assert report["change"]["mid"] == "2960.00"
    assert report["planned"]["mid"] == "50.00"
    assert [(s["mid"], s["currency"]) for s in report["apart"]] == [("7.00", "CHF")]
    by_process = {p["process"]: p["cost"] and p["cost"]["mid"] for p in report["processes"]}
    assert by_process == {"checkout": "3000.00", "fulfilment": None, "support": "260.00"}
    units = {u["measure"]: u["units"]["mid"] for u in report["units"]}
    assert units == {"payments": 300.0, "carts": 140.0, "calls": 47.0}
    assert [c["id"] for c in report["cases"]] == ["i-2", "i-1", "i-3"]
    assert report["biggest"] == ["i-2", "i-1"]


def test_what_has_no_rate_is_no_zero(toll):
    first, before = outage("i-1", 1), outage("i-0", -4)
    carried(toll)
    told(toll, [(first, [lost(first, 100, 50, currency="CHF")]), (before, [lost(before, 30, 5)])])
    report, issued = said(toll)
    assert (report["cost"], report["change"]) == (None, None)
    assert report["cost_before"]["mid"] == "300.00"
    assert [(s["mid"], s["currency"]) for s in report["apart"]] == [("1000.00", "CHF")]
    assert [w["cost"] and w["cost"]["mid"] for w in report["trend"][-2:]] == ["300.00", None]
    assert report["lead"].startswith("1 outage hurt the business; what that cost is not known in")
    text = issued.forms["md"].decode()
    assert "1 outage hurt it; what that cost is not known in EUR." in text
    assert "without a clear loss" not in text and "Another CHF 1,000 is in no sum" in text


def test_providers_cost_what_they_caused(week):
    report, _ = said(week)
    [stripe] = report["providers"]
    assert (stripe["title"], stripe["incidents"], stripe["cost"]["mid"]) == ("Stripe", 1, "1260.00")
    assert stripe["promised"] == 99.9
    assert stripe["available"] == pytest.approx(1 - 46 / (7 * 1440), abs=1e-4)
    assert stripe["fee"]["mid"] == "2759.75"  # 12,000 a month of 730.5 hours


def test_a_cause_is_told_in_one_sentence_of_business_words(week):
    report, _ = said(week)
    causes = {c["id"]: c["cause"] for c in report["cases"]}
    assert causes["i-1"] == (
        "Stripe, an outside company, failed and hurt Web checkout and Customer support "
        "by way of Payment."
    )
    assert causes["i-2"] == (
        "Order database failed and hurt Web checkout and Customer support by way of Payment; "
        "a change to Payments application 12 min before is the likely reason."
    )
    assert [c["name"] for c in report["cases"]][2] == "Planned work on Host C"
    assert report["cases"][0]["when"] == "Thu 12 Nov, 10:02 to 10:48 (46 min)"


def test_every_form_says_the_same_sums_and_no_form_speaks_of_identifiers(week):
    _, issued = said(week)
    html, _ = text_of(issued.html)
    shown = [html, issued.text.replace("\\", "")]
    business_map = week.parts.map.map
    named = {n: business_map.title(n) for n in (*business_map.nodes, *business_map.processes)}
    named |= {m.name: m.called for m in business_map.measures()}
    for text in shown:
        for expected in ("EUR 3,260", "2,360 to 4,160", "EUR 1,260", "CHF 7", "Week 46"):
            assert expected in text
        assert not re.search(r"\b[a-z]+_[a-z_]+\b", text), "snake case"
        for name, title in named.items():
            if "-" in name or name.lower() not in title.lower():
                assert not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text), name
        for inner in ("i-1", "node-17", "http_errors", "v2.3", "map-1", "None", "nan"):
            assert not re.search(rf"\b{inner}\b", text), inner


def test_the_page_needs_nothing_from_elsewhere(week):
    _, issued = said(week)
    _, fetched = text_of(issued.html)
    assert fetched, "there is at least the picture of the trend"
    assert all(source.startswith("data:image/png;base64,") for source in fetched)
    assert "<script" not in issued.html and "@import" not in issued.html
    assert "url(" not in issued.html and "http" not in issued.html


def test_a_mail_carries_its_pictures_as_parts(week):
    _, issued = said(week)
    html, images = issued.mail_html()
    assert "data:" not in html and len(html) < 102_000  # some cut a longer mail off
    assert images and all(image.content.startswith(b"\x89PNG") for image in images)
    assert {f'src="cid:{image.cid}"' for image in images} == set(re.findall(r'src="[^"]+"', html))
    assert issued.subject == "Example Shop, week 46: outages cost about EUR 3,260"


def test_the_pdf_is_tagged_dated_and_the_same_whenever_it_is_written(week):
    first = issue_report(week.parts, WEEK, OVER)
    assert first.pdf.startswith(b"%PDF-1.7")
    for part in (b"/StructTreeRoot", b"/MarkInfo", b"/Lang", b"D:20261116050000Z"):
        assert part in first.pdf or part in _unpacked(first.pdf)
    again = issue_report(week.parts, Week(2026, 47), OVER)  # provisional: written anew each time
    assert again.pdf == issue_report(week.parts, Week(2026, 47), OVER).pdf


def test_the_pdf_holds_the_sums_and_its_first_part_is_one_page(week):
    facts = gather(week.parts, Outlook(week.parts), WEEK, OVER)
    written = document(compose(facts), facts.this_week, lambda _: None)
    asked: dict[str, Any] = {"sys_inputs": pdf._inputs(written, OVER), "ignore_system_fonts": True}
    cells = typst.query(pdf._template(), "table", field="children", **asked)
    for expected in ("EUR\u00a03,260", "2,360 to 4,160", "EUR\u00a050"):
        assert expected in json.dumps(json.loads(cells), ensure_ascii=False)
    [ends] = json.loads(typst.query(pdf._template(), "<first-part-ends>", field="value", **asked))
    assert ends == 1


def _unpacked(content):
    parts = []
    for found in re.finditer(rb"stream\r?\n", content):
        try:
            parts.append(zlib.decompressobj().decompress(content[found.end() :]))
        except zlib.error:
            continue
    return b"".join(parts)


def test_a_report_never_changes(week):
    first = issue_report(week.parts, WEEK, OVER)
    late = outage("i-9", 2)
    told(week, [(late, [lost(late, 999, 1)])])
    later = issue_report(week.parts, WEEK, OVER + timedelta(days=3))
    assert later.forms == first.forms
    assert later.issued_at == first.issued_at == OVER
    for form in FORMS:
        answer = week.http.get(f"/v1/reports/weekly/2026-W46.{form}")
        assert answer.content == first.forms[form]


def test_of_two_at_once_one_wins_and_both_give_its_bytes(week):
    outlooks = [Outlook(week.parts) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        moments = (OVER, OVER + timedelta(seconds=7))
        asked = [
            pool.submit(issue_report, week.parts, WEEK, now, outlook)
            for now, outlook in zip(moments, outlooks, strict=True)
        ]
        one, other = (a.result() for a in asked)
    assert one.forms == other.forms
    kept = read_issued(week.parts, WEEK)
    assert kept is not None and kept.forms == one.forms


def test_a_week_that_is_not_over_is_provisional_and_not_kept(week):
    report, issued = said(week, now=MONDAY + timedelta(days=4))
    assert issued.provisional and report["provisional"]
    assert "Provisional" in issued.text
    assert read_issued(week.parts, WEEK) is None
    assert week.ask("/v1/reports") == []
    with pytest.raises(NotFoundError, match="2026-W48 has not begun"):
        issue_report(week.parts, Week(2026, 48), OVER)


def test_what_is_learned_later_is_restated_in_the_next_report(week):
    said(week)
    edit = Edit("e1", "i-1", OVER, "on-call", "customers called before", Start(MONDAY))
    week.parts.store.edits.insert([edit])
    first = replace(outage("i-1", 1), edits=("e1",))
    late, next_week = outage("i-9", 2), outage("i-10", 8)
    later = OVER + timedelta(days=7)
    told(
        week,
        [
            (first, [lost(first, 150, 50, state="restated", as_of=later - timedelta(hours=1))]),
            (late, [lost(late, 10, 1)]),
            (next_week, [lost(next_week, 1, 0)]),
        ],
        later - timedelta(hours=1),
    )
    told(week, [(replace(outage("i-2", 3), dismissed=True), [])], later, gone=True)
    report, issued = said(week, WEEK.back(-1), later)
    changes = {c["incident"]: c for c in report["restatements"]["cases"]}
    assert changes.keys() == {"i-1", "i-2", "i-9"}  # not the new week's own, nor what stands
    assert (changes["i-1"]["before"]["mid"], changes["i-1"]["now"]["mid"]) == ("1260.00", "1760.00")
    assert "Somebody corrected when it began: “customers called before”." in changes["i-1"]["why"]
    assert changes["i-2"]["now"] is None
    assert changes["i-2"]["why"] == "Somebody found that it was no incident."
    assert changes["i-9"]["why"] == "It became known only after that report."
    assert report["restatements"]["since"] == "2026-W46"
    sums = report["restatements"]
    assert (sums["sum_before"], sums["sum_now"]) == ("3260.00", "1860.00")
    assert "not counted" in issued.text


def test_a_company_that_lost_nothing_reads_what_it_carried(toll):
    carried(toll)
    report, issued = said(toll)
    assert report["subject"] == "Example Shop, week 46: no outage hurt the business"
    assert report["cost"]["mid"] == "0" or Decimal(report["cost"]["mid"]) == 0
    checkout = report["processes"][0]
    volume = checkout["volumes"][0]
    assert (volume["came"], volume["usual"], volume["weeks"]) == (66 * 168, 60.0 * 168, 4)
    assert checkout["value"] == "110880.00"  # 660.00 an hour
    assert "What the business carried" in issued.text
    assert "11,088" in issued.text and "+ 10 %" in issued.text
    assert report["single_points"], "what could have hurt is told all the same"
    first, _, _ = issued.text.partition("## Process by process")
    assert "What an hour would have cost" in first and "| Web checkout | " in first
    assert "EUR by week" not in first, "an empty picture says nothing"
    assert "there was no trouble" in first


def test_a_loss_too_small_to_be_seen_and_certain_all_the_same_counts_as_an_outage(toll):
    carried(toll)
    small = outage("i-1", 1)
    quiet = {"ever_red": 0.0, "history_days": 56.0}
    told(toll, [(small, [lost(small, 70, 40, inputs=quiet)])])
    report, issued = said(toll)
    assert report["lead"].startswith("1 outage cost about EUR 700 (")
    assert report["biggest"] == ["i-1"] and report["near_misses"] == []
    [checkout] = [p for p in report["processes"] if p["process"] == "checkout"]
    assert checkout["incidents"] == 1
    assert "Stripe, an outside company, failed and hurt Web checkout" in issued.text


def test_a_change_is_told_with_its_range(toll):
    carried(toll)
    now, before = outage("i-1", 1), outage("i-0", -4)
    told(toll, [(now, [lost(now, 100, 5)]), (before, [lost(before, 400, 10)])])
    _, issued = said(toll)
    # 1,000 against 4,000, both with draws in step: -50 to +50 against -100 to +100.
    assert (
        "- Against last week: **− EUR 3,000** (2,955 to 3,045; last week EUR 4,000)" in issued.text
    )
    assert "Outages cost EUR 3,000 (2,955 to 3,045) less than the week before." in issued.text


def test_a_fault_that_nobody_felt_is_a_near_miss(toll):
    carried(toll, 1)
    quiet = outage("i-5", 2)
    impact = replace(lost(quiet, 2, 9), inputs={"ever_red": 0.0})
    told(toll, [(quiet, [impact])])
    report, issued = said(toll)
    assert report["near_misses"] == [
        {"name": "Stripe failed", "when": "Wed 11 Nov, 10:02 to 10:48 (46 min)"}
    ]
    assert report["biggest"] == []
    assert "Near misses" in issued.text


def test_of_a_week_without_anything_no_report_is_issued_for_good(toll):
    report, issued = said(toll)
    assert issued.provisional and not report["has_data"]
    assert report["cost"] is None
    assert "Nothing is known of this week" in issued.text
    assert read_issued(toll.parts, WEEK) is None


def test_many_incidents_have_sections_for_the_dearest_and_rows_for_the_rest(toll):
    many = [outage(f"i-{n:02}", n % 7, minutes=5 + n) for n in range(40)]
    told(toll, [(i, [lost(i, 10 + n, 1)]) for n, i in enumerate(many)])
    report, issued = said(toll)
    assert len(report["cases"]) == 40
    assert "The others" in issued.text
    assert sum(Decimal(c["cost"]["mid"]) for c in report["cases"]) == Decimal(report["cost"]["mid"])


def test_in_the_middle_of_the_work_nothing_is_issued_for_good(week):
    week.parts.store.set_meta(BACKLOG, "1")
    report, issued = said(week)
    assert report["provisional"] and read_issued(week.parts, WEEK) is None
    assert "Provisional: past incidents are still being priced." in issued.text
    week.parts.store.set_meta(BACKLOG, "0")
    report, _ = said(week)
    assert not report["provisional"] and read_issued(week.parts, WEEK) is not None
