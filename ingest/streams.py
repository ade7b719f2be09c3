"""What the settings say about a stream of business events, and about topics of another shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """How one stream is treated. The defaults suit a stream that nobody has configured."""

    name: str
    keys: Literal["hashed", "plain"] = "hashed"
    identity: Literal["event", "id"] = "event"  # "id": the producer restamps `at` on retries
    segments: tuple[str, ...] = ()  # which segment keys `minutes` is rolled up by
    cadence: timedelta | None = None  # declared rhythm of a feed that comes in lumps
    # What delivers it. Where another stream of the same source goes on, silence is a zero. Without
    # one, all streams of its topic count as of one source.
    source: str = ""


@dataclass(frozen=True, slots=True)
class TopicMapping:
    """A topic whose records have a shape of their own (`TOLL_STREAMS`).

    `fields` maps event fields to paths such as `$.txId` or `$.order.total`; a list of paths is
    joined with "/" (`id: [$.order, $.status]`). `status` renames statuses; others stay as they are.
    """

    topic: str
    stream: str | None  # None: the records name their stream themselves
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    status: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignalMapping:
    """How a sender's JSON is read (`signals` in the file TOLL_STREAMS).

    `fields` and `labels` map names to paths such as `$.event.id`; several paths of a text are
    joined with "/", and missing when one of them is. `each` is the path of an array of signals.
    `words` says per field what the sender's words mean; `fixed` has fields that are always so.
    """

    name: str
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    labels: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    each: str | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)


REPLICA_LABELS = ("__replica__", "prometheus_replica")


@dataclass(frozen=True, slots=True)
class CounterMapping:
    """A counter of Prometheus that counts business events (`counters` in the same file).

    `match` has labels that a series must have, as regular expressions over the whole value. The
    status is that of the label `status_label`, renamed by `words`, else `status`.
    """

    metric: str
    stream: str
    match: Mapping[str, str] = field(default_factory=dict)
    status: str = "ok"
    status_label: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    segment: Mapping[str, str] = field(default_factory=dict)  # key of the segment -> label
    # Labels that only tell apart several Prometheus which scrape the same.
    replica_labels: tuple[str, ...] = REPLICA_LABELS


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """All that reading business events depends on."""

    streams: Mapping[str, StreamConfig] = field(default_factory=dict)
    mappings: Mapping[str, TopicMapping] = field(default_factory=dict)  # by topic
    signals: Mapping[str, SignalMapping] = field(default_factory=dict)  # by name
    counters: tuple[CounterMapping, ...] = ()
    salt: bytes = b""
    retention: timedelta = timedelta(days=90)
    max_record_bytes: int = 10 * 1024 * 1024

    def stream(self, name: str) -> StreamConfig:
        """The settings of a stream, the defaults where there are none."""
        return self.streams.get(name) or StreamConfig(name)
