"""A page changes by itself, and nobody who is at work on it notices anything but the numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Looking
from tests.browser.world import Shown

pytestmark = [
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


CROSSINGS = 5  # a chart may just be drawn anew beneath the pointer


def called(told: Shown, title: str) -> None:
    """Somebody else corrects the title, and the next assessment takes it in."""
    body = {"title": title, "why": "to see it change", "by": "on-call"}
    answer = httpx2.patch(f"{told.url}v1/incidents/{told.burning}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    told.go_on(datetime.now(UTC) + timedelta(seconds=1))


def test_the_page_changes_without_being_loaded_again(looking: Looking, told: Shown) -> None:
    with looking() as look:
        page = look.go()
        page.evaluate("window.same = true")
        link = page.locator(f"a[href$='incidents/{told.burning}']").first
        link.focus()
        called(told, "Cards are refused")
        expect(page.get_by_role("link", name="Cards are refused").first).to_be_visible()
        assert page.evaluate("window.same")
        assert page.evaluate("document.activeElement.href").endswith(told.burning)
        look.assert_clean()


def test_what_somebody_writes_and_has_opened_stays(looking: Looking, told: Shown) -> None:
    with looking() as look:
        page = look.go(f"incidents/{told.burning}")
        page.get_by_text("Correct it").click()
        rests = page.get_by_text("What this number rests on").first
        rests.click()
        why = page.get_by_label("Why (needed)")
        why.press_sequentially("the first al")
        called(told, "Cards are refused again")
        expect(page.get_by_role("heading", name="Cards are refused again")).to_be_visible()
        why.press_sequentially("ert came late")
        assert why.input_value() == "the first alert came late"
        assert rests.evaluate("e => e.parentElement.open")
        look.assert_clean()


@pytest.mark.parametrize("script", [True, False])
def test_a_correction_by_hand(looking: Looking, told: Shown, script: bool) -> None:
    """With script the page stays; without, the browser sends the form: the same is kept."""
    title = f"A drill, {'with' if script else 'without'} script"
    with looking(script=script) as look:
        page = look.go(f"incidents/{told.settled}")
        page.get_by_text("Correct it").click()
        page.get_by_label("Call it").fill(title)
        page.get_by_label("The cause is", exact=True).select_option("stripe")
        page.get_by_label("Who says so").fill("on-call")
        page.get_by_label("Why (needed)").fill("   ")
        page.get_by_role("button", name="Keep the correction").click()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was kept")
        expect(page.get_by_label("Call it")).to_have_value(title)
        page.get_by_label("Why (needed)").fill("it was planned")
        page.get_by_role("button", name="Keep the correction").click()
        expect(page.get_by_text("Kept. The numbers follow")).to_be_visible()
        expect(page.get_by_role("row", name=f"Is called '{title}'")).to_be_visible()
        told.go_on()
        if script:
            expect(page.get_by_role("heading", name=title)).to_be_visible()
            expect(page.get_by_text("Kept. The numbers follow")).to_be_visible()


def test_a_page_that_cannot_be_fetched_says_so(looking: Looking, told: Shown) -> None:
    with looking() as look:
        page = look.go()
        page.route(told.url, lambda route: route.fulfill(status=503, json={"detail": "no store"}))
        called(told, "Nobody can see this")
        expect(page.locator("#live")).to_have_text("Not updated: no store.")
        page.unroute(told.url)
        called(told, "Everybody can")
        expect(page.locator("#live")).to_have_text("")
        expect(page.get_by_role("link", name="Everybody can").first).to_be_visible()


def cross(page: Page) -> None:
    """Move the pointer from one side of the first chart to the other."""
    box = page.locator(".chart svg").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"], middle)
    page.mouse.move(box["x"] + box["width"], middle, steps=30)


def test_charts_answer_to_the_pointer_and_are_pictures_without_script(
    looking: Looking, told: Shown
) -> None:
    path = f"incidents/{told.settled}"
    with looking() as look:
        page = look.go(path)
        look.settle()
        page.locator(".chart svg").first.scroll_into_view_if_needed()
        told_of = page.locator("#vg-tooltip-element")
        for _ in range(CROSSINGS):
            cross(page)
            if told_of.filter(has_text="expected").count():
                break
        expect(told_of).to_contain_text("expected")
        look.assert_clean()
    with looking(script=False, scheme="dark", width=390) as look:
        image = look.go(path).locator(".chart img").first
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True, timeout=60_000)
        assert "paper=dark" in image.evaluate("i => i.currentSrc")
        assert image.evaluate("i => i.naturalWidth") > 300
