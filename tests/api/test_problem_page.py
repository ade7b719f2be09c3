"""What goes wrong is told to a browser as a page, to everything else as a problem."""

from __future__ import annotations

import re
from html import unescape

import pytest

from ingest.errors import UnavailableError
from tests.api.app import PROBLEM, TOKENS

pytestmark = pytest.mark.engine

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def page(answer, status: int) -> str:
    """What a reader sees."""
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["vary"] == "Accept"
    assert answer.text.count("<h1") == 1
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", answer.text).split()))


def test_who_came_without_a_token_reads_how_to_come_with_one(guarded):
    answer = guarded.http.get("/", headers=BROWSER)
    assert answer.headers["www-authenticate"] == "Bearer"
    said = page(answer, 401)
    assert "with your token in the address: http://localhost/t/ TOKEN /" in said
    assert "Example Shop" not in said  # whose Toll it is, is for those who may know


def test_a_wrong_token_is_told_and_not_shown(guarded):
    answer = guarded.http.get("/t/toll_mistyped/incidents", headers=BROWSER)
    assert "none that Toll knows" in page(answer, 401)
    assert "mistyped" not in answer.text


@pytest.mark.parametrize(
    ("path", "root", "said"),
    [
        ("/incidents/inc-1", "../", "No incident 'inc-1'"),
        ("/map/striep", "../", "did you mean 'stripe'?"),
        ("/nothing/is/here", "../../", "Nothing is served at this path"),
        ("/nothing", "./", "Nothing is served at this path"),
    ],
)
def test_a_wrong_address_leads_back_to_what_burns(guarded, path, root, said):
    answer = guarded.http.get(f"/t/{TOKENS['read']}{path}", headers=BROWSER)
    assert said in page(answer, 404)
    assert f'href="{root}">See what burns now' in answer.text
    assert f'href="{root}static/toll.css"' in answer.text


def test_a_store_that_is_away_is_told_as_a_page(toll, monkeypatch):
    def away(*_, **__):
        raise UnavailableError("the store does not answer")

    monkeypatch.setattr(toll.parts.store.incidents, "find", away)
    answer = toll.http.get("/incidents", headers=BROWSER)
    assert "The store does not answer" in page(answer, 503)
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize("accept", ["*/*", "application/json", f"text/html, {PROBLEM}"])
def test_programs_and_the_scripts_of_pages_get_the_problem(toll, accept):
    answer = toll.http.get("/map/striep", headers={"accept": accept})
    assert answer.headers["content-type"] == PROBLEM
    assert answer.json()["status"] == 404


def test_names_in_a_problem_are_text(toll):
    answer = toll.http.get("/map/%3Cb%3Ebold", headers=BROWSER)
    assert "<b>" not in answer.text
    assert "&lt;b&gt;bold" in answer.text
