"""The pages of providers, of the portfolio, and of what if."""

from __future__ import annotations

import re

import pytest

from tests.api.app import assert_problem

pytestmark = pytest.mark.engine


def flat(page: str) -> str:
    """The words of a page."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def test_providers_say_what_was_lived_and_what_was_admitted(shop):
    page = flat(shop.toll.http.get("/providers").text)
    assert "Stripe" in page and "Available, as it was lived" in page
    assert "Cost us" in page and "EUR" in page
    assert re.search(r"4\d min in which the business was off because of it", page)
    assert "Its incidents (1)" in page
    for wrong in ("0", "401"):
        assert_problem(shop.toll.http.get("/providers", params={"days": wrong}), 422)


def test_the_portfolio_ranks_what_loses_most(shop):
    page = flat(shop.toll.http.get("/portfolio").text)
    assert "Expected loss" in page and "A bad quarter" in page
    assert page.index("Stripe provider") < page.index("What this rests on")


def test_an_outage_to_come(shop):
    asked = {"node": "stripe", "lasts": "2h", "at": "Fri 18:00"}
    page = flat(shop.toll.http.get("/what-if", params=asked).text)
    assert "Stripe gone completely from Fri" in page and "18:00" in page and "EUR" in page
    assert "Web checkout loses 50 %" in page
    assert "Not counted: Carts opened: no baseline yet" in page


def test_what_a_twin_would_have_saved(shop):
    page = flat(shop.toll.http.get("/what-if", params={"twin": "stripe"}).text)
    assert "saved" in page and "1 incident replayed, which cost EUR" in page


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"node": "stripe", "lasts": "long"}, "long"),
        ({"node": "nobody"}, "nobody"),
        ({"node": "stripe", "at": "whenever"}, "whenever"),
        ({"shorten": "a bit"}, "a bit"),
        ({"twin": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_answered_is_said_beside_the_form(shop, asked, said):
    answer = shop.toll.http.get("/what-if", params=asked)
    assert answer.status_code == 422 and 'role="alert"' in answer.text
    assert said in flat(answer.text).split("An outage to come")[0]


def test_nothing_asked_is_no_mistake(toll):
    for path in ("/what-if", "/portfolio", "/providers"):
        answer = toll.http.get(path)
        assert answer.status_code == 200, path
        assert 'class="error"' not in answer.text, path
    assert "Nothing to go by yet" in toll.http.get("/portfolio").text
