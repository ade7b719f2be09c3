"""Records that were polled and wait to be read: so many that memory stays flat."""

from __future__ import annotations

from ingest.records import Records


class Pending:
    """What the polling thread holds, in order, up to a number of records and of bytes."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records, self._max_bytes = max_records, max_bytes
        self._parts: list[Records] = []
        self._count = self._bytes = 0
        self._usual_bytes = 1024  # of one record, as the last ones were

    def __len__(self) -> int:
        return self._count

    def add(self, records: Records) -> None:
        """Keep these, after those that are there."""
        size = int(records.sizes.sum())
        self._parts.append(records)
        self._count += len(records)
        self._bytes += size
        self._usual_bytes = max(1, size // len(records))

    def take(self) -> Records:
        """All of them, as one batch; then there are none."""
        records = Records.joined(self._parts)
        self.clear()
        return records

    def clear(self) -> None:
        """Forget them."""
        self._parts.clear()
        self._count = self._bytes = 0

    def room(self) -> int:
        """How many more to ask for, by number and by the size of the last ones; at least one."""
        by_bytes = (self._max_bytes - self._bytes) // self._usual_bytes
        return max(1, min(self._max_records - self._count, by_bytes))

    def full(self) -> bool:
        """Whether they make a batch that should not grow."""
        return self._count >= self._max_records or self._bytes >= self._max_bytes
