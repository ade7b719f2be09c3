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

# name -> (path, what it shows); braces stand for what the story has (`Shown`)
PAGES = {
    "now": ("", "What burns now, by the money it burns"),
    "incidents": ("incidents", "All incidents, with what each cost"),
    "incident": ("incidents/{burning}", "An incident that burns"),
    "incident-settled": ("incidents/{settled}", "An incident that is over"),
    "processes": ("processes", "Processes: the last hour beside what is usual"),
    "process": ("processes/checkout", "A process: today, its usual week, what an hour costs"),
    "map": ("map", "The map with what is in trouble"),
    "map-node": ("map/stripe", "A node: whom it reaches, and what an hour without it costs"),
    "perception": ("perception", "The perception gap: tools and business side by side"),
    "providers": ("providers", "What each provider admitted, what was lived, what it cost"),
    "portfolio": ("portfolio", "What each node is expected to lose per quarter"),
    "what-if": (
        "what-if?node=stripe&lasts=2h&shorten=10m",
        "What if: an outage to come, and past ones",
    ),
    "coverage": ("coverage", "What Toll cannot answer yet, with lines to copy"),
    "trust": ("trust", "What was said live beside what it came to"),
    "reports": ("reports", "The weekly reports"),
    "report": ("v1/reports/weekly/latest.html", "A weekly report"),
    "dead-letters": ("dead-letters", "What could not be read"),
    "dead-letter": ("{letter}", "One of it, to be mended and replayed"),
    "interface": ("docs", "The HTTP interface"),
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
    (INTO / "README.md").write_text(gallery(), "utf-8")


def gallery() -> str:
    """The text that shows all pictures."""
    lines = [
        "# Every page",
        "",
        "Of a simulated shop in trouble; `make screenshots` takes them anew.",
    ]
    for name, (_, said) in PAGES.items():
        lines += ["", f"## {said}", "", f"![{said}]({name}.png)"]
        for also, marks in ((ALSO_NARROW, "390"), (ALSO_DARK, "dark")):
            if name in also:
                where = "at 390 pixels" if marks == "390" else "in the dark"
                lines += ["", f"[The same {where}]({name}-{marks}.png)"]
    return "\n".join(lines) + "\n"


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
        page = look.go(PAGES[name][0].format(**vars(told)))
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
