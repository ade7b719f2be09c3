"""Every page in a real browser: wide and narrow, light and dark, by keyboard, without leaving."""

from __future__ import annotations

import json

import pytest

from tests.browser import axe
from tests.browser.conftest import Looking
from tests.browser.harness import NARROW, WIDE, Scheme
from tests.browser.world import Shown

pytestmark = [
    pytest.mark.browser,
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

# Braces stand for what the story has (`Shown`).
PATHS = (
    "",
    "incidents",
    "incidents/{burning}",
    "incidents/{settled}",
    "incidents/{unexplained}",
    "processes",
    "processes/checkout",
    "processes/fulfilment",
    "map",
    "map/stripe",
    "map/checkout",
    "perception",
    "perception?days=28",
    "providers",
    "portfolio",
    "what-if",
    "what-if?node=stripe&lasts=2h&at=Fri+18%3A00",
    "what-if?twin=stripe",
    "coverage",
    "trust",
    "reports",
    "dead-letters",
    "{letter}",
    "docs",
)
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
TABS = 60  # more than any page has before its content

_FOCUS = """() => {
  const on = document.activeElement, style = getComputedStyle(on);
  return {href: on.href || '', name: on.innerText || '', inside: !!on.closest('nav'),
          seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0};
}"""


@pytest.mark.parametrize("path", PATHS)
def test_a_page_can_be_used_by_everybody_on_everything(
    path: str, looking: Looking, told: Shown, axe_script: str
) -> None:
    address = path.format(**vars(told))
    with looking() as look:
        for width in (WIDE, NARROW):
            look.page.set_viewport_size({"width": width, "height": 900})
            page = look.go(address)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                found = axe.findings(page, axe_script)
                grave = [f for f in found if f["impact"] in ("serious", "critical")]
                assert not grave, f"{width} px, {scheme}: {json.dumps(grave, indent=1)}"
            look.settle()
            assert look.sideways() <= 0, f"{width} px: {look.wide_parts()}"
        look.assert_clean()


def test_what_is_not_there_is_a_page_for_everybody_too(looking: Looking, axe_script: str) -> None:
    with looking() as look:
        for width in (WIDE, NARROW):
            look.page.set_viewport_size({"width": width, "height": 900})
            look.page.goto(look.url + "incidents/none")
            for scheme in SCHEMES:
                look.page.emulate_media(color_scheme=scheme)
                assert not axe.findings(look.page, axe_script)
            assert look.sideways() <= 0
        look.page.get_by_role("link", name="See what burns now").click()
        assert look.page.url == look.url


@pytest.mark.parametrize("path", PATHS)
def test_a_page_says_the_same_without_script(path: str, looking: Looking, told: Shown) -> None:
    with looking(script=False) as look:
        page = look.go(path.format(**vars(told)))
        assert page.locator("h1").count() == 1
        assert page.locator("main").inner_text().strip()
        assert page.locator("nav[aria-label=Pages] a").first.is_visible()


def test_every_page_of_the_navigation_is_reached_by_keyboard(looking: Looking) -> None:
    with looking() as look:
        page = look.go()
        links = page.locator("nav[aria-label=Pages] a")
        wanted = [str(links.nth(n).evaluate("a => a.href")) for n in range(links.count())]
        focused = []
        for _ in range(TABS):
            page.keyboard.press("Tab")
            now = page.evaluate(_FOCUS)
            assert now["seen"], f"the focus on {now['name']!r} cannot be seen"
            if now["inside"]:
                focused.append(now["href"])
            if focused == wanted:
                break
        assert focused == wanted
        assert {href.removeprefix(look.url) for href in wanted} <= set(PATHS)
        page.keyboard.press("Enter")
        page.wait_for_url(wanted[-1])


def test_the_narrow_navigation_opens_and_closes_by_keyboard(looking: Looking) -> None:
    with looking(width=NARROW) as look:
        page = look.go()
        link = page.locator("nav[aria-label=Pages] a").last
        assert not link.is_visible()
        page.get_by_role("button", name="Menu").press("Enter")
        assert link.is_visible()
        page.keyboard.press("Tab")
        assert page.evaluate(_FOCUS)["href"] == look.url
        page.keyboard.press("Escape")
        assert not link.is_visible()


def test_the_first_stop_leads_past_the_navigation(looking: Looking) -> None:
    with looking() as look:
        page = look.go()
        page.keyboard.press("Tab")
        assert page.evaluate(_FOCUS)["name"] == "Skip to content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
