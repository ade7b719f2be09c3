"""One browser and one Toll with a story for all tests of the pages, and for no others: the engine
is held while they run, and Playwright has an event loop running in the tests' own thread.

def test_something(looking, told):
    with looking(width=NARROW, scheme="dark") as look:
        page = look.go("processes")          # a Playwright page
        told.post("/v1/signals/generic", [...])
        told.go_on()                         # ingest, and assess as of now
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

import pytest
from playwright.sync_api import Browser

from tests.browser import axe, harness
from tests.browser.harness import Look
from tests.browser.world import Shown, shown
from tests.clickhouse_engine import Engine

Looking = Callable[..., AbstractContextManager[Look]]


@pytest.fixture(scope="package")
def axe_script() -> str:
    """The text of axe-core."""
    _require(axe.missing())
    return axe.script()


@pytest.fixture(scope="package")
def told(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The Toll that pages are looked at in. Tests may add to its story; nothing is taken back."""
    _require(harness.missing())
    with engine.lent() as store, shown(tmp_path_factory.mktemp("told"), store) as found:
        yield found


@pytest.fixture(scope="package")
def browser(told: Shown) -> Iterator[Browser]:
    """Chromium. After the story, for that one runs a loop of its own in this thread."""
    with harness.chromium() as found:
        yield found


@pytest.fixture
def looking(browser: Browser, told: Shown) -> Looking:
    """Opens tabs on the Toll: `with looking(width=390, scheme="dark") as look`."""
    return partial(harness.look, browser, told.url)


def _require(missing: str | None) -> None:
    """Have the tool, or skip; with TOLL_REQUIRE_BROWSER=1, fail."""
    if missing is None:
        return
    if os.environ.get("TOLL_REQUIRE_BROWSER") == "1":
        pytest.fail(f"no look at the pages: {missing}")
    pytest.skip(f"no look at the pages: {missing}")
