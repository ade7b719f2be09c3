"""Which signals are listed as meaning nothing on the map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from api.ask.unmatched import unmatched
from api.setup.mapfiles import read_map
from ingest.events import ACTION_LABEL, Signal, SignalStatus
from tests.api.app import SHOP
from tests.enrich.signals import signal

RESOLVER = read_map(SHOP).resolver


def told(labels: Mapping[str, str], status: SignalStatus = "firing") -> Signal:
    return replace(signal("a", status=status), labels=labels)


@pytest.mark.parametrize(
    ("labels", "status", "listed"),
    [
        ({"service": "payment"}, "firing", False),  # a node claims it
        ({"host": "printer-7"}, "firing", True),
        ({"host": "printer-7"}, "resolved", True),
        ({}, "firing", True),  # fires, and says nothing of what
        ({}, "resolved", False),
        ({ACTION_LABEL: "acknowledge"}, "firing", False),
    ],
)
def test_what_means_nothing_on_the_map(labels, status, listed):
    one = told(labels, status)
    assert unmatched([one], RESOLVER) == ([one] if listed else [])


def test_one_without_labels_belongs_to_those_of_its_alert_that_have_some():
    assert unmatched([told({"service": "payment"}), told({})], RESOLVER) == []
