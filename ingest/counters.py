"""Counters become business events: what a counter rose by between two samples has happened.

A sample that the settings want goes into the log as it is (`sample_line`). Whoever reads it there
(`Counters`) turns it into events, whose ids are those of the sample: reading the log again gives
the same events again, and they count once. Nothing else is kept, so nothing can be lost or
disagree.

- The first sample of a series says how far the counter is, not that anything happened, unless the
  sender says since when it counts (remote-write 2.0): it began at zero then, if no longer ago than
  `FORGOTTEN_MS`.
- A value below the last one is a restart of the counted program: it began at zero. So did one that
  says that it counts since another moment, after the last sample, whatever its value.
- A sample that is not later than the last one is known already, or comes too late.
- Of several Prometheus that scrape the same, one is heard; another once that one has been silent
  for `HANDOVER_MS`. Since counters are cumulative, that loses nothing.
- A rise over more than `APART_MS` lies evenly over its minutes, since nobody saw when. A series
  that was not heard of for `FORGOTTEN_MS` begins anew.
- A counter that does not rise is an event of status `unchanged`, once a minute, which no measure
  counts: it shows that the feed lives, so that silence of the business is a zero and not unknown.
- No numbers (stale markers are such) and negative values are no samples of a counter.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ingest.exact import LAST_MS
from ingest.remote_write import Series
from ingest.streams import CounterMapping
from ingest.times import from_ms

APART_MS = 2 * 60_000
HANDOVER_MS = 3 * 60_000
FORGOTTEN_MS = 24 * 3_600_000
_MINUTE_MS = 60_000
UNCHANGED = "unchanged"
_NAME = "__name__"
_EXACT = 2.0**53  # beyond, a float does not hold every integer


class Sample(NamedTuple):
    """One sample of one counter, and what its rise means."""

    series: str  # a hash of stream and labels
    replica: str  # which of several Prometheus says so
    at_ms: int
    value: float
    stream: str
    status: str
    segment: Mapping[str, str]
    since_ms: int = 0  # when it began to count, from zero; 0: the sender does not say


class CounterReader:
    """Which series are counters of the business, and what they count."""

    def __init__(self, mappings: Sequence[CounterMapping]) -> None:
        self._by_metric: dict[str, list[tuple[CounterMapping, dict[str, re.Pattern[str]]]]] = {}
        for mapping in mappings:
            match = {label: re.compile(text) for label, text in mapping.match.items()}
            self._by_metric.setdefault(mapping.metric, []).append((mapping, match))

    def samples(self, series: Iterable[Series]) -> Iterator[Sample]:
        """The samples of those series that a mapping claims; the first that does counts."""
        for one in series:
            for mapping, match in self._by_metric.get(one.labels.get(_NAME, ""), ()):
                if all(p.fullmatch(one.labels.get(label, "")) for label, p in match.items()):
                    yield from _samples(one, mapping)
                    break


def _samples(series: Series, mapping: CounterMapping) -> Iterator[Sample]:
    labels = {k: v for k, v in series.labels.items() if k not in mapping.replica_labels}
    replica = "/".join(series.labels.get(label, "") for label in mapping.replica_labels)
    said = json.dumps([mapping.stream, sorted(labels.items())])
    name = hashlib.sha256(said.encode()).hexdigest()[:24]
    status = labels.get(mapping.status_label, "") if mapping.status_label else ""
    segment = {key: labels[label] for key, label in mapping.segment.items() if labels.get(label)}
    for at_ms, value, since_ms in series.samples:
        if 0 <= at_ms < LAST_MS and 0 <= value < _EXACT:  # no number is neither
            told = mapping.words.get(status, status) or mapping.status
            since = since_ms if 0 < since_ms < LAST_MS else 0
            yield Sample(name, replica, at_ms, value, mapping.stream, told, segment, since)


def sample_line(sample: Sample) -> bytes:
    """A sample as a line of JSON."""
    return orjson.dumps(sample._asdict())


def read_line(line: bytes) -> Sample | None:
    """The sample of a line; None for a line that is none, which only others can have put there."""
    try:
        found: dict[str, Any] = orjson.loads(line)
        segment = {str(key): str(value) for key, value in found["segment"].items()}
        texts = {n: str(found[n]) for n in ("series", "replica", "stream", "status")}
        at_ms, value = int(found["at_ms"]), float(found["value"])
        since_ms = int(found.get("since_ms", 0))
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return None
    if not (0 <= at_ms < LAST_MS and 0 <= since_ms < LAST_MS and 0 <= value < _EXACT):
        return None
    return Sample(at_ms=at_ms, value=value, segment=segment, since_ms=since_ms, **texts)


@dataclass(slots=True)
class _Last:
    """What a series said last."""

    at_ms: int
    value: float
    replica: str
    since_ms: int = 0


class Counters:
    """Turns samples into events, in the order of the log. The same samples give the same events."""

    def __init__(self) -> None:
        self._last: dict[str, _Last] = {}

    def events(self, sample: Sample) -> list[tuple[str, bytes]]:
        """The events of a sample: (id, line of JSON) each."""
        last = self._last.get(sample.series)
        if last is not None:
            apart = sample.at_ms - last.at_ms
            if apart <= (0 if sample.replica == last.replica else HANDOVER_MS):
                return []
        self._last[sample.series] = _Last(
            sample.at_ms, sample.value, sample.replica, sample.since_ms
        )
        last = _before(sample, last)
        if last is None or sample.at_ms - last.at_ms > FORGOTTEN_MS:
            return []
        # Whole units, so that the parts of a rise add up to it.
        before = 0 if sample.value < last.value else math.floor(last.value)
        rise = math.floor(sample.value) - before
        if rise > 0:
            return _events(sample, last.at_ms, rise)
        if sample.at_ms // _MINUTE_MS == last.at_ms // _MINUTE_MS:
            return []
        name = f"{sample.series}:{sample.at_ms}:{UNCHANGED}"
        return [(name, _line(sample._replace(status=UNCHANGED), name, sample.at_ms, 1))]

    def forget(self, before_ms: int) -> None:
        """Let go of series that have been silent since."""
        self._last = {name: last for name, last in self._last.items() if last.at_ms >= before_ms}


def _before(sample: Sample, last: _Last | None) -> _Last | None:
    """What the rise is counted from: the last sample, or the zero at which the counter began.

    The clock of who counts may be ahead: a beginning that lies after the sample is not believed,
    nor one that was said before, whatever the time is by then.
    """
    since = sample.since_ms
    if not 0 < since < sample.at_ms:
        return last
    if last is not None and (since == last.since_ms or since < last.at_ms):
        return last
    return _Last(since, 0.0, sample.replica)


def _events(sample: Sample, since_ms: int, rise: int) -> list[tuple[str, bytes]]:
    """The rise as one event, or evenly over the minutes since the last sample."""
    name, apart = f"{sample.series}:{sample.at_ms}", sample.at_ms - since_ms
    if apart <= APART_MS:
        return [(name, _line(sample, name, sample.at_ms, rise))]
    parts = math.ceil(apart / _MINUTE_MS)
    found = []
    for part in range(parts):
        count = rise * (part + 1) // parts - rise * part // parts
        if count:
            at_ms = since_ms + apart * (part + 1) // parts
            found.append((f"{name}:{part}", _line(sample, f"{name}:{part}", at_ms, count)))
    return found


def _line(sample: Sample, name: str, at_ms: int, count: int) -> bytes:
    event: dict[str, object] = {
        "stream": sample.stream,
        "id": name,
        "at": from_ms(at_ms).isoformat(timespec="milliseconds"),
        "status": sample.status,
        "count": count,
    }
    if sample.segment:
        event["segment"] = dict(sample.segment)
    return orjson.dumps(event)
