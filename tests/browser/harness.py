"""Debian's Chromium, driven: pages that keep what went wrong while they were looked at."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Nothing but this machine has a name: a page that reaches out fails, and is found out.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
NARROW, WIDE = 390, 1440  # CSS pixels
Scheme = Literal["light", "dark"]

# A chart begins as a picture, and is exchanged for one that script draws where there is script.
_COME_BY = """async () => {
  for (const chart of document.querySelectorAll('[data-chart]')) {
    chart.scrollIntoView({block: 'center'});
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
}"""
_DRAWN = """() => [...document.querySelectorAll('[data-chart]')].every(
  chart => chart.getAttribute('role') === 'img' && chart.querySelector('svg'))"""
_STICKING_OUT = """() => [...document.querySelectorAll('body *')]
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
  .slice(0, 10).map(e => `${e.tagName}.${e.className} ${(e.textContent || '').slice(0, 60)}`)"""


def missing() -> str | None:
    """What to do where there is no Chromium."""
    if Path(CHROMIUM).exists() or shutil.which("chromium"):
        return None
    return "install Chromium (Debian package chromium)"


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a fresh profile; closed with everything in it."""
    path = CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Look:
    """A tab on a Toll. `errors` and `strangers` must stay empty: `assert_clean`."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)  # what the console said, and thrown errors
    strangers: list[str] = field(default_factory=list)  # requests that would leave the host

    def go(self, path: str = "") -> Page:
        """Open a path of the Toll; it must answer well."""
        answer = self.page.goto(self.url + path.lstrip("/"), wait_until="load")
        assert answer is not None and answer.ok, f"{path}: {answer and answer.status}"
        return self.page

    def settle(self) -> None:
        """Come by every part of the page, so that all charts are drawn, and wait until they are."""
        self.page.evaluate(_COME_BY)
        self.page.wait_for_function(_DRAWN)
        self.page.evaluate("scrollTo(0, 0)")

    def assert_clean(self) -> None:
        """Nothing was logged as an error and nothing was asked of another host."""
        assert not self.errors, self.errors
        assert not self.strangers, self.strangers

    def sideways(self) -> int:
        """By how many pixels the page is wider than the window."""
        found: int = self.page.evaluate(
            "document.scrollingElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    def wide_parts(self) -> list[str]:
        """What sticks out to the right, for whoever has to mend it."""
        found: list[str] = self.page.evaluate(_STICKING_OUT)
        return found


@contextmanager
def look(
    browser: Browser, url: str, width: int = WIDE, scheme: Scheme = "light", script: bool = True
) -> Iterator[Look]:
    """A tab of its own, without cookies or cache of another."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        reduced_motion="reduce",
        java_script_enabled=script,
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    found = Look(page, url)
    home = urlsplit(url).netloc

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            found.errors.append(f"{message.type}: {message.text}")

    def asked(request: Request) -> None:
        where = urlsplit(request.url)
        if where.scheme in ("http", "https", "ws", "wss") and where.netloc != home:
            found.strangers.append(request.url)

    page.on("console", said)
    page.on("pageerror", lambda error: found.errors.append(f"thrown: {error}"))
    page.on("request", asked)
    try:
        yield found
    finally:
        context.close()
