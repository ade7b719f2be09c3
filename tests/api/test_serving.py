"""A server stops at once, also while pages listen to it."""

from __future__ import annotations

from contextlib import ExitStack

import httpx2
import pytest

from tests.senders import served

pytestmark = [pytest.mark.engine, pytest.mark.network]

PAGES = 5


def test_pages_that_listen_do_not_hold_up_its_end(toll, caplog):
    with ExitStack() as pages:
        with served(toll) as address:
            listening = [
                pages.enter_context(httpx2.stream("GET", f"http://{address}/live", timeout=30))
                for _ in range(PAGES)
            ]
            said = [page.iter_lines() for page in listening]
            assert [next(lines) for lines in said] == [": Toll"] * PAGES
        # Each stream comes to its proper end; what must be cut off after a while is logged.
        assert all(list(lines) for lines in said)
        assert caplog.messages == []
    assert toll.state.pulse.listeners == 0
