"""The native signal formats, by the name under which they are sent: each bytes in, signals out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from ingest.events import Signal
from ingest.sources.alertmanager import alertmanager
from ingest.sources.generic import generic
from ingest.sources.github import github
from ingest.sources.grafana import grafana
from ingest.sources.pagerduty import pagerduty
from ingest.sources.statuspage import statuspage


class Source(Protocol):
    """Reads one native format. Pure: the moment of receipt is given, where it matters."""

    def __call__(self, body: bytes, /, *, received_at: datetime | None = None) -> list[Signal]:
        """The signals of one body, or `InputError` with a sentence that says what is accepted."""


SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "alertmanager": alertmanager,
        "generic": generic,
        "github": github,
        "grafana": grafana,
        "pagerduty": pagerduty,
        "statuspage": statuspage,
    }
)
