"""What the pages beside the first one do in a real browser, by keyboard and by form."""

from __future__ import annotations

import pytest

from tests.api.app import payment, send
from tests.browser.conftest import Looking
from tests.browser.harness import NARROW
from tests.browser.world import Shown

pytestmark = [
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


def test_the_picture_of_the_map_is_walked_by_keyboard(looking: Looking) -> None:
    with looking() as look:
        page = look.go("map")
        box = page.locator(".map-frame a", has=page.get_by_text("Stripe", exact=True))
        box.focus()
        page.keyboard.press("Enter")
        page.wait_for_url(look.url + "map/stripe")
        assert page.get_by_role("heading", level=1).inner_text().startswith("Stripe")
        # What an hour costs stands beside the paths in words.
        assert page.get_by_text("Stripe (provider) → Payment (service)").first.is_visible()
        look.assert_clean()


def test_a_wide_picture_scrolls_by_itself_on_a_telephone(looking: Looking) -> None:
    with looking(width=NARROW) as look:
        page = look.go("map")
        frame = page.locator(".map-frame")
        assert frame.evaluate("f => f.scrollWidth > f.clientWidth")
        assert look.sideways() <= 0
        frame.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.querySelector('.map-frame').scrollLeft > 0")


def test_charts_answer_to_the_pointer_within_the_policy(looking: Looking) -> None:
    with looking() as look:
        page = look.go("processes/checkout")
        look.settle()
        assert page.locator("[data-chart] svg").count() == page.locator("[data-chart]").count() > 0
        assert page.locator("[data-chart]").first.get_attribute("aria-label")
        look.assert_clean()


def test_a_dead_letter_is_mended_in_the_browser(looking: Looking, told: Shown) -> None:
    send(told.toll, told.toll.parts.settings.business_topic, b'{"id": "to-mend"}')
    told.toll.ingest()
    [place] = [
        "/".join(str(one[part]) for part in ("topic", "partition", "offset", "line"))
        for one in told.get("v1/dead-letters").json()[:1]
    ]
    with looking(script=False) as look:
        page = look.go(f"dead-letters/{place}")
        text = page.get_by_label("As it was; mend it here")
        assert text.input_value() == '{"id": "to-mend"}'
        text.fill('{"id": "to-mend", "at": "sometime"}')
        page.get_by_role("button", name="Send again").click()
        assert page.locator("#wrong").inner_text()
        assert text.get_attribute("aria-invalid") == "true"
        assert text.input_value() == '{"id": "to-mend", "at": "sometime"}'
        mended = str(payment(1)).replace("'", '"')
        text.fill(mended)
        page.get_by_role("button", name="Send again").click()
        page.wait_for_url(look.url + "dead-letters?sent=true")
        assert page.get_by_role("status").first.inner_text().startswith("It is in the log again")
        assert place not in page.locator("main").inner_html()


def test_lines_for_the_map_are_copied(looking: Looking) -> None:
    with looking() as look:
        look.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = look.go("coverage")
        copy = page.get_by_role("button", name="Copy").first
        copy.press("Enter")
        page.get_by_role("button", name="Copied").wait_for()
        copied = page.evaluate("navigator.clipboard.readText()")
        assert copied == page.locator("[data-copy] code").first.inner_text()
        assert "services:" in copied
        look.assert_clean()
