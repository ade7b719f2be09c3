"""What a stored batch means: which minutes it touches, and how its events arrived. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ingest.events import LINE_BITS
from ingest.log import Headers, TopicPartition
from ingest.records import Records, distinct
from ingest.sink import NO_DELAY, Arrival, Minutes

IntArray: TypeAlias = NDArray[np.int64]
Channel: TypeAlias = tuple[str, str, int]  # stream, topic, partition

HISTORY_HEADER = ("toll-history", b"1")  # of records that load history, as `toll import` does
_LIVE_MS = 26 * 3600 * 1000  # older than a daily export: history that is being loaded
_TIME_BITS = 32  # of a minute since the epoch
_OFFSET_BITS = 63 - LINE_BITS  # of an offset, as positions have them


def touched_minutes(events: pa.Table) -> dict[str, Minutes]:
    """Per stream, the minutes that have events in the table."""
    if not events.num_rows:
        return {}
    names, stream = _coded(events, "stream")
    minute = _times_ms(events) // 60_000
    found = np.unique(stream << _TIME_BITS | minute)
    starts = np.searchsorted(found, np.arange(1, len(names)) << _TIME_BITS)
    parts = np.split(found & ((1 << _TIME_BITS) - 1), starts)
    return {name: part.astype("datetime64[m]") for name, part in zip(names, parts, strict=True)}


def merge_minutes(one: Mapping[str, Minutes], other: Mapping[str, Minutes]) -> dict[str, Minutes]:
    """The union of two sets of touched minutes."""
    merged = dict(one)
    for stream, minutes in other.items():
        merged[stream] = np.union1d(merged[stream], minutes) if stream in merged else minutes
    return merged


def arrivals(
    events: pa.Table, records: Records, received_at: datetime, newest: dict[Channel, int]
) -> list[Arrival]:
    """How each stream's events of this batch arrived; `newest` is brought up to date.

    The delay is how old the newest event was when the log got it (not when it was read: a backlog
    of ours delays no source), plus how far (99th percentile) events lagged behind newer ones of
    their partition. History that is loaded, declared or by its age, says nothing about delays:
    neither a whole batch of it (`NO_DELAY`) nor single events among live ones.
    """
    if not events.num_rows:
        return []
    minute = received_at.replace(second=0, microsecond=0)
    now_ms = int(received_at.timestamp() * 1000)
    found: dict[tuple[str, str], list[_Channelful]] = {}
    for (stream, topic, _), part in _by_channel(events, records, newest):
        found.setdefault((stream, topic), []).append(part)
    told = []
    for (stream, topic), parts in found.items():
        at = datetime.fromtimestamp(max(part.last for part in parts) / 1000, UTC)
        delay = _delay(parts, records, now_ms)
        told.append(Arrival(stream, topic, minute, delay, at, received_at))
    return told


class _Channelful(NamedTuple):
    """The events of one stream that one partition brought; times in ms."""

    last: int  # of all, history included
    live: IntArray  # when those happened that are no history
    late: IntArray  # and how far each of them lies behind the newest before it
    position: IntArray
    place: int  # in `Records.places`


def _by_channel(
    events: pa.Table, records: Records, newest: dict[Channel, int]
) -> Iterator[tuple[Channel, _Channelful]]:
    streams, stream = _coded(events, "stream")
    place = _places(events, records)
    at, position = _times_ms(events), events["position"].to_numpy().astype(np.int64)
    history = _history(place, position, records)
    channels, codes = distinct(stream * len(records.places) + place)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(1, len(channels)))
    for code, rows in zip(channels.tolist(), np.split(order, bounds), strict=True):
        name, home = divmod(code, len(records.places))
        channel = (streams[name], *records.places[home])
        known = newest.get(channel, 0)
        times, loaded = at[rows], history[rows]
        # Loaded history is no sign of how far events have come.
        reached = np.maximum.accumulate(np.append(known, np.where(loaded, 0, times)))
        late = np.maximum(reached[:-1] - times, 0)
        newest[channel] = int(reached[-1])
        live = ~loaded
        yield (
            channel,
            _Channelful(int(times.max()), times[live], late[live], position[rows][live], home),
        )


def _delay(parts: Sequence[_Channelful], records: Records, now_ms: int) -> int:
    live = [part for part in parts if part.live.size]
    if not live:
        return NO_DELAY
    part = max(live, key=lambda part: int(part.live.max()))
    newest = int(part.live.argmax())
    offset = int(part.position[newest]) >> LINE_BITS
    record = np.flatnonzero((records.place == part.place) & (records.offsets == offset))[0]
    logged = int(records.times_ms[record])
    # A time that cannot be says nothing: now.
    age = (logged if 1 <= logged <= now_ms else now_ms) - int(part.live[newest])
    if age > _LIVE_MS:
        return NO_DELAY
    near = np.concatenate([part.live for part in live]) >= int(part.live[newest]) - _LIVE_MS
    late = np.concatenate([part.late for part in live])[near]  # the newest event is among them
    usual = round(0.99 * (late.size - 1))
    return max(0, age) + int(np.partition(late, usual)[usual])


def _history(place: IntArray, position: IntArray, records: Records) -> NDArray[np.bool_]:
    """Which events come from records that were sent as history."""
    sent = [index for index, headers in records.headers.items() if _is_history(headers)]
    if not sent:
        return np.zeros(len(place), np.bool_)
    loaded = records.place[sent] << _OFFSET_BITS | records.offsets[sent]
    return np.isin(place << _OFFSET_BITS | position >> LINE_BITS, loaded)


def _places(events: pa.Table, records: Records) -> IntArray:
    """Per event, the place of its partition in `Records.places`."""
    topics, topic = _coded(events, "topic")
    partition = events["partition"].to_numpy().astype(np.int64)
    code = {place: number for number, place in enumerate(records.places)}
    wide = int(partition.max()) + 1
    found, which = distinct(topic * wide + partition)
    known = [code[TopicPartition(topics[one // wide], one % wide)] for one in found.tolist()]
    return np.array(known, np.int64)[which]


def _coded(events: pa.Table, column: str) -> tuple[list[str], IntArray]:
    """The distinct texts of a column, and which of them each row has."""
    whole = events[column].unify_dictionaries().combine_chunks()
    coded = cast("pa.DictionaryArray[Any, Any]", whole)
    texts = [str(text) for text in coded.dictionary.to_pylist()]
    return texts, coded.indices.to_numpy().astype(np.int64)


def _times_ms(events: pa.Table) -> IntArray:
    return events["at"].cast(pa.int64()).to_numpy()


def _is_history(headers: Headers) -> bool:
    return any(name == HISTORY_HEADER[0] for name, _ in headers)
