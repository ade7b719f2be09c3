"""Pictures of all pages and of commands, of a simulated shop in trouble: `make screenshots`.

The shop is that of `toll demo`, told up to a moment at which two incidents burn, so that nobody has
to wait for one. Dates are those of today; nothing else differs from one run to the next by design.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page

from store.store import RETENTION, open_store
from tests import captures
from tests.browser import harness
from tests.browser.harness import NARROW, WIDE, Scheme
from tests.browser.world import Shown, shown

INTO = Path(__file__).parents[1] / "docs" / "screens"
MOST_BYTES = 250_000
TALLEST = {WIDE: 2200, NARROW: 2600}  # pixels: the rest of a long page shows nothing new

# name -> path; braces stand for what the story has (`Shown`)
PAGES = {
    "now": "",
    "incidents": "incidents",
    "incident": "incidents/{burning}",
    "incident-settled": "incidents/{settled}",
    "processes": "processes",
    "process": "processes/checkout",
    "map": "map",
    "map-node": "map/stripe",
    "perception": "perception",
    "providers": "providers",
    "portfolio": "portfolio",
    "what-if": "what-if?node=stripe&lasts=2h&at=Fri+18%3A00",
    "coverage": "coverage",
    "trust": "trust",
    "reports": "reports",
    "report": "v1/reports/weekly/latest.html",
    "dead-letters": "dead-letters",
    "dead-letter": "{letter}",
    "interface": "docs",
}
ALSO_NARROW = ("now", "incident", "process", "map")
ALSO_DARK = ("now", "incident", "map", "perception")


def main() -> None:
    """Tell the story, look at every page, keep the pictures."""
    INTO.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(None, Path(folder) / "store", retention=RETENTION, streams={})
        with (
            closing(store),
            shown(Path(folder), store) as told,
            harness.chromium() as browser,
        ):
            told.get("v1/reports/weekly/latest.json")  # which issues it
            for path in pictures(browser, told):
                print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)  # noqa: T201
            captures.write(told.url.rstrip("/"))


def pictures(browser: Browser, told: Shown) -> Iterator[Path]:
    """Every picture, once it is there."""
    for name in PAGES:
        yield picture(browser, told, name)
        if name in ALSO_NARROW:
            yield picture(browser, told, name, width=NARROW)
        if name in ALSO_DARK:
            yield picture(browser, told, name, scheme="dark")


def picture(
    browser: Browser, told: Shown, name: str, width: int = WIDE, scheme: Scheme = "light"
) -> Path:
    """One page as it is at one width, on one paper."""
    marks = ("-390" if width == NARROW else "") + ("-dark" if scheme == "dark" else "")
    path = INTO / f"{name}{marks}.png"
    with harness.look(browser, told.url, width, scheme) as look:
        page = look.go(PAGES[name].format(**vars(told)))
        look.settle()
        tall = page.evaluate("document.documentElement.scrollHeight")
        if tall > TALLEST[width]:
            tall = _cut(page, TALLEST[width])
        while True:
            part: FloatRect = {"x": 0, "y": 0, "width": width, "height": tall}
            taken = page.screenshot(full_page=True, clip=part, animations="disabled")
            if len(taken) <= MOST_BYTES:
                break
            tall = _cut(page, int(tall * 0.98 * MOST_BYTES / len(taken)))
    path.write_bytes(taken)
    return path


def _cut(page: Page, line: int) -> int:
    """Where the last part of a page ends that ends above a line: nothing is cut in two."""
    found = page.evaluate(
        """line => Math.max(0, ...['article', 'section', 'figure', 'table', 'details']
            .flatMap(part => [...document.querySelectorAll('main ' + part)])
            .map(part => Math.ceil(part.getBoundingClientRect().bottom + scrollY) + 12)
            .filter(end => end <= line))""",
        line,
    )
    return found or line


if __name__ == "__main__":
    main()
