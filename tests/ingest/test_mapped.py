"""JSON of any shape, read as signals by a mapping of the settings."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ingest.errors import InputError, SettingsError
from ingest.events import Signal
from ingest.sources.mapped import mapped
from ingest.streams import SignalMapping

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ZABBIX = SignalMapping(
    "zabbix",
    each="$.events",
    fields={
        "id": ["$.trigger", "$.eventid"],
        "fingerprint": "$.trigger",
        "started_at": "$.clock",
        "status": "$.value",
        "severity": '$["how bad"]',
        "summary": "$.name",
        "availability": "$.left",
    },
    labels={"host": "$.hosts[0].name", "service": "$.tags.service"},
    words={"status": {"PROBLEM": "firing", "OK": "resolved"}, "severity": {"5": "critical"}},
    fixed={"kind": "outage"},
)
EVENT: dict[str, Any] = {
    "eventid": 7,
    "trigger": "t1",
    "clock": 1795341600,
    "value": "PROBLEM",
    "how bad": 5,
    "left": "0.25",
    "name": "disk full",
    "hosts": [{"name": "host-a"}],
    "password": "S3CRET",
}


def read_mapped(mapping: SignalMapping, body: Any) -> list[Signal]:
    return mapped(mapping)(json.dumps(body).encode(), received_at=NOW)


def test_a_mapping_reads_any_shape() -> None:
    over = {**EVENT, "eventid": 8, "value": "OK"}
    firing, resolved = read_mapped(ZABBIX, {"events": [EVENT, over]})
    assert (firing.id, firing.fingerprint, firing.source) == ("t1/7", "t1", "zabbix")
    assert (firing.kind, firing.status, firing.severity) == ("outage", "firing", "critical")
    assert (firing.started_at, firing.availability) == (NOW.replace(hour=10), 0.25)
    assert firing.labels == {"host": "host-a"}
    assert (resolved.status, resolved.fingerprint) == ("resolved", "t1")
    assert "S3CRET" not in firing.raw


def test_what_a_mapping_does_not_name_has_the_defaults() -> None:
    [signal] = read_mapped(SignalMapping("probe", labels={"host": "$.h"}), {"h": "host-b"})
    assert (signal.source, signal.kind, signal.started_at) == ("probe", "alert", NOW)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, r"nothing is at \$\.events"),
        ({"events": [7]}, "the signal is no object"),
        ({"events": [{**EVENT, "value": "MAYBE"}]}, "status of the signal must be one of"),
        ({"events": [EVENT, {**EVENT, "clock": "noon"}]}, "'noon' is no time"),
    ],
)
def test_a_body_that_does_not_fit_its_mapping_is_refused_in_words(body: Any, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        read_mapped(ZABBIX, body)


@pytest.mark.parametrize(
    "wrong",
    [
        {"fields": {"colour": "$.c"}},
        {"fields": {"id": "c"}},
        {"fields": {"started_at": ["$.a", "$.b"]}},
        {"labels": {"host": []}},
        {"words": {"colour": {}}},
        {"each": "events"},
    ],
)
def test_a_wrong_mapping_is_told_at_the_start(wrong: Any) -> None:
    with pytest.raises(SettingsError):
        mapped(SignalMapping("x", **wrong))
