"""Records in columns: what a busy log brings, without an object for each record.

A hundred thousand records a second cost more as objects than reading their JSON does; as columns
they are a few calls into C for a whole batch. Whoever looks at single records still can: a
`Records` is a sequence of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ingest.log import Headers, Record, TopicPartition


@dataclass(frozen=True, slots=True, eq=False)
class Records(Sequence[Record]):
    """Records in the order of their log. Every column has one entry a record."""

    places: tuple[TopicPartition, ...]  # the partitions they come from, each once
    place: NDArray[np.int64]  # where in `places` that of a record is
    offsets: NDArray[np.int64]
    times_ms: NDArray[np.int64]  # as the log keeps them, since the epoch, UTC
    keys: list[bytes | None]
    values: list[bytes | None]  # None is a tombstone
    sizes: NDArray[np.int64]  # the bytes of each value; a tombstone has none
    headers: Mapping[int, Headers] = field(default_factory=dict)  # by record, where it has any

    @classmethod
    def of(cls, records: Sequence[Record]) -> Records:
        """The same records in columns."""
        if isinstance(records, Records):
            return records
        return cls.from_columns(
            [r.topic for r in records],
            np.array([r.partition for r in records], np.int64),
            np.array([r.offset for r in records], np.int64),
            np.array([r.timestamp_ms for r in records], np.int64),
            [r.key for r in records],
            [r.value for r in records],
            {index: r.headers for index, r in enumerate(records) if r.headers},
        )

    @classmethod
    def from_columns(  # the columns of a log, as they are
        cls,
        topics: Sequence[str],
        partitions: NDArray[np.int64],
        offsets: NDArray[np.int64],
        times_ms: NDArray[np.int64],
        keys: list[bytes | None],
        values: list[bytes | None],
        headers: Mapping[int, Headers],
    ) -> Records:
        """Records whose topics and partitions stand apart."""
        names = sorted(set(topics))
        code = {name: number for number, name in enumerate(names)}
        topic = np.zeros(len(topics), np.int64)
        if len(names) > 1:
            topic = np.fromiter(map(code.__getitem__, topics), np.int64, len(topics))
        wide = int(partitions.max(initial=0)) + 1
        found, place = distinct(topic * wide + partitions)
        places = tuple(TopicPartition(names[one // wide], one % wide) for one in found.tolist())
        sizes = np.fromiter([len(value or b"") for value in values], np.int64, len(values))
        return cls(places, place, offsets, times_ms, keys, values, sizes, headers)

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Records:
        """All records of some batches, one batch after the other."""
        if len(parts) == 1:
            return parts[0]
        places = tuple(dict.fromkeys(place for part in parts for place in part.places))
        code = {place: number for number, place in enumerate(places)}
        headers: dict[int, Headers] = {}
        keys: list[bytes | None] = []
        values: list[bytes | None] = []
        place = [np.zeros(0, np.int64)]
        for part in parts:
            headers |= {len(values) + index: found for index, found in part.headers.items()}
            keys += part.keys
            values += part.values
            place.append(np.array([code[one] for one in part.places], np.int64)[part.place])
        return cls(
            places,
            np.concatenate(place),
            np.concatenate([np.zeros(0, np.int64), *(part.offsets for part in parts)]),
            np.concatenate([np.zeros(0, np.int64), *(part.times_ms for part in parts)]),
            keys,
            values,
            np.concatenate([np.zeros(0, np.int64), *(part.sizes for part in parts)]),
            headers,
        )

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        if isinstance(index, slice):
            chosen = np.zeros(len(self), np.bool_)
            chosen[index] = True
            return self.chosen(chosen)
        at = range(len(self))[index]
        topic, partition = self.places[self.place[at]]
        return Record(
            topic,
            partition,
            int(self.offsets[at]),
            int(self.times_ms[at]),
            self.keys[at],
            self.values[at],
            self.headers.get(at, ()),
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[index] for index in range(len(self)))

    def chosen(self, which: NDArray[np.bool_]) -> Records:
        """Those records, in their order."""
        if which.all():
            return self
        index = np.cumsum(which) - 1
        return Records(
            self.places,
            self.place[which],
            self.offsets[which],
            self.times_ms[which],
            list(compress(self.keys, which)),
            list(compress(self.values, which)),
            self.sizes[which],
            {int(index[at]): found for at, found in self.headers.items() if which[at]},
        )

    def of_topics(self, topics: Iterable[str]) -> NDArray[np.bool_]:
        """Which records come from one of these topics."""
        wanted = frozenset(topics)
        found: NDArray[np.bool_] = np.array([p.topic in wanted for p in self.places], np.bool_)[
            self.place
        ]
        return found

    def last(self) -> dict[TopicPartition, Record]:
        """The last record of each partition."""
        last = np.full(len(self.places), -1)
        last[self.place] = np.arange(len(self))  # of several, numpy keeps the last
        found = zip(self.places, last.tolist(), strict=True)
        return {place: self[index] for place, index in found if index >= 0}


def distinct(codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct values among many small ones, not negative; ascending, and which each one is.

    `numpy.unique` does the same, ten times slower.
    """
    found = np.flatnonzero(np.bincount(codes)) if codes.size else codes
    where = np.zeros(int(codes.max(initial=0)) + 1, np.int64)
    where[found] = np.arange(found.size)
    return found, where[codes]
