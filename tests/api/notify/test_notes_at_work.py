"""Notes in the runtime: the assessor that becomes active sends what waits, and says how much."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from api.notify.subscribers import Hook, Subscriber, Subscriptions
from api.run.metrics import Telling, TollCollector, registry
from api.run.runtime import Runtime
from store.records import Note
from tests.api.notify.notes import Hooks, hook_server, told

pytestmark = [pytest.mark.engine, pytest.mark.network]


def test_the_active_assessor_sends_what_waits(toll):
    hooks = Hooks()
    with hook_server(hooks) as url:
        erp = Subscriber("erp", Hook("webhook", url), above=Decimal(1))
        toll.parts.subscriptions = Subscriptions((erp,))
        note = Note("i1", "over:1", "erp", told().model_dump_json(), datetime.now(UTC), 0)
        toll.parts.store.outbox.queue([note])
        with Runtime(toll.parts, ingest=False, assess=True) as runtime:
            deadline = time.monotonic() + 60
            while not toll.parts.store.outbox.find("sent"):
                assert time.monotonic() < deadline, runtime.troubles()
                time.sleep(0.05)
        assert runtime.notes is not None and len(hooks.requests) == 1
        [told_of] = toll.ask("/v1/notes")
        assert (told_of["state"], told_of["subscriber"]) == ("sent", "erp")
        assert toll.ask("/v1/notes", state="pending") == []
        read = registry(TollCollector(telling=Telling(runtime.notes, runtime.events)))
        labels = {"channel": "webhook", "outcome": "sent"}
        assert read.get_sample_value("toll_notes_total", labels) == 1
        assert read.get_sample_value("toll_notes_waiting") is not None
