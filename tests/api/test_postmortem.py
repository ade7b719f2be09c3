"""What happened in an incident, in order, and as a text for people."""

from __future__ import annotations

import base64
import re
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from api.ask.postmortem import plain
from api.client import Client
from store.records import Note
from tests.api.app import Toll, alert, assert_problem, priced

pytestmark = pytest.mark.engine

MINUTE = timedelta(minutes=1)


@pytest.fixture
def burning(toll: Toll) -> tuple[Toll, str]:
    """One incident with a deployment before it, two estimates, an edit and a note."""
    now = datetime.now(UTC).replace(microsecond=0)
    change = {
        **alert(now - 40 * MINUTE),
        "id": "deploy-1",
        "fingerprint": "deploy",
        "kind": "change",
        "severity": "info",
        "summary": "stripe client | 4.11",
        "url": "https://example.com/deploy/1",
    }
    body = [change, alert(now - 30 * MINUTE), alert(now - 30 * MINUTE, now - 5 * MINUTE)]
    assert toll.http.post("/v1/signals/generic", json=body).status_code == 202
    toll.ingest()
    toll.assess(now)
    (name,) = [i["id"] for i in toll.ask("/v1/incidents")]
    store = toll.parts.store
    for minute in (20, 19, 10):
        units = priced(name, now - minute * MINUTE).units
        grown = {part: r.scaled(30 / minute) for part, r in units.items()}
        store.estimates.insert([priced(name, now - minute * MINUTE, units=grown)], 1)
    store.outbox.queue([Note(name, "costly", "on-call", "{}", now - 15 * MINUTE, 1)])
    edit = {"why": "the logs", "by": "on-call", "title": "Cards <failed>"}
    answer = toll.http.request("PATCH", f"/v1/incidents/{name}", json=edit)
    assert answer.status_code == 200
    toll.assess(now + MINUTE)
    return toll, name


def test_the_timeline_tells_signals_changes_edits_notes_and_estimates_in_order(burning):
    toll, name = burning
    found = toll.ask(f"/v1/incidents/{name}/timeline")
    times = [datetime.fromisoformat(e["at"]) for e in found]
    assert times == sorted(times)
    kinds = [e["kind"] for e in found]
    assert kinds[:2] == ["change", "signal"]
    # of three estimates the second said nothing new
    assert [kinds.count(k) for k in ("estimate", "cleared", "edit", "note")] == [2, 1, 1, 1]
    (edited,) = [e for e in found if e["kind"] == "edit"]
    assert (edited["who"], edited["why"]) == ("on-call", "the logs")
    (signal,) = [e for e in found if e["kind"] == "signal"]
    assert signal["node"] == "stripe" and signal["known_at"] > signal["at"]
    stored = toll.parts.store.incidents.get(name).incident.episodes
    assert signal["signal"] in {e.id for e in stored}


def test_the_timeline_of_a_moment_tells_only_what_was_known(burning):
    toll, name = burning
    stages = toll.parts.store.incidents.life(name)
    then = (stages[0].known_at + timedelta(milliseconds=1)).isoformat()
    found = toll.ask(f"/v1/incidents/{name}/timeline", as_of=then)
    assert "edit" not in {e["kind"] for e in found}
    assert_problem(toll.http.get("/v1/incidents/20200101-no/timeline"), 404)


def test_the_postmortem_is_for_people(burning):
    toll, name = burning
    answer = toll.http.get(f"/v1/incidents/{name}/postmortem.md")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    text = answer.text
    assert text.startswith("# Cards \\<failed\\>\n")  # nobody's text is markup
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "What it did",
        "Why",
        "What happened",
        "What the numbers rest on",
        "What people corrected",
        "Open questions",
    ]
    assert "stripe client \\| 4.11" in text and "[more](<https://example.com/deploy/1>)" in text
    assert "the only node that fires" in text
    assert "371 keys failed and never succeeded" in text
    assert all(line.count(" | ") >= 2 for line in text.splitlines() if line.startswith("| "))
    assert "nan" not in text.lower() and "None that" not in text


def test_its_picture_shows_the_shortfall(shop):
    text = shop.toll.http.get(f"/v1/incidents/{shop.incident}/postmortem.md").text
    (found,) = re.findall(r"!\[(.*?)\]\(data:image/svg\+xml;base64,(.*?)\)", text)
    assert "payments" in found[0]
    assert base64.b64decode(found[1]).startswith(b"<svg")
    plain_text = shop.toll.http.get(
        f"/v1/incidents/{shop.incident}/postmortem.md", params={"pictures": "none"}
    ).text
    assert "data:image" not in plain_text


@pytest.mark.parametrize("text", ["a|b", "# no heading", "[x](y)", "<b>", "two\nlines", "`x`"])
def test_a_text_is_shown_as_it_was_written(text):
    assert re.sub(r"\\(.)", r"\1", plain(text)) == " ".join(text.split())
    assert not re.search(r"(?<!\\)[|`<\[#]", plain(text))


# on the command line


@pytest.fixture
def reached(shop, monkeypatch) -> Any:
    """The commands talk to this Toll."""
    client = Client("http://localhost", shop.toll.http.send)
    monkeypatch.setattr("api.cli.incident.connect", lambda *_, **__: nullcontext(client))
    return shop


def test_commands_tell_and_write(cli, reached, tmp_path):
    code, out, _ = cli(f"incident timeline {reached.incident}")
    assert code == 0 and "Payment provider answers with errors" in " ".join(out.split())
    code, out, _ = cli(f"incident timeline {reached.incident} --json")
    assert code == 0 and out.startswith("[")
    file = tmp_path / "a post.md"
    code, _, _ = cli(f"incident postmortem {reached.incident} -o '{file}'")
    assert code == 0
    text = file.read_text("utf-8")
    assert "(<a post-1.svg>)" in text and "base64" not in text
    assert (tmp_path / "a post-1.svg").read_text("utf-8").startswith("<svg")
    code, out, _ = cli(f"incident postmortem {reached.incident}")
    assert code == 0 and "## Open questions" in out and "data:" not in out


def test_an_incident_is_corrected_by_command(cli, toll, monkeypatch):
    now = datetime.now(UTC)
    assert toll.http.post("/v1/signals/generic", json=[alert(now - MINUTE)]).status_code == 202
    toll.ingest()
    toll.assess(now)
    (name,) = [i["id"] for i in toll.ask("/v1/incidents")]
    client = Client("http://localhost", toll.http.send)
    monkeypatch.setattr("api.cli.incident.connect", lambda *_, **__: nullcontext(client))
    monkeypatch.setattr("api.cli.incident._TAKEN_S", 0.0)
    more = "--reach support --reach=-checkout --cause payment --title 'Cards' --end none"
    code, out, err = cli(f"incident edit {name} --by on-call --why 'the logs' {more}")
    assert code == 0, err
    assert "on-call: hit support too, did not hit checkout (the logs)" in " ".join(out.split())
    toll.assess(datetime.now(UTC))
    found = toll.ask(f"/v1/incidents/{name}")
    assert (found["title"], found["root"], found["ended_at"]) == ("Cards", "payment", None)
    assert "support" in {r["process"] for r in found["reached"]}
    code, _, err = cli(f"incident edit {name} --by on-call --why x --version 0 --title y")
    assert code == 5 and "read it again" in " ".join(err.split())
    assert cli(f"incident edit {name} --title y")[0] == 2  # by whom, and why?
