"""The rhythm of the ingester's loop, and what the loop says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class ConsumerConfig:
    """The rhythm of the loop."""

    signals_topic: str = "toll.signals"
    max_records: int = 50_000  # of one batch
    max_bytes: int = 8 * 1024 * 1024  # of one batch, so that memory stays flat
    recompute_idle_s: float = 0.4  # with nothing waiting, soon, so that people see it soon
    recompute_at: int = 10_000  # records, and at once
    recompute_every_s: float = 4.0  # behind the log, where full batches wait
    recompute_rest: float = 2.0  # in between, it rests so many times as long as counting takes
    poll_s: float = 0.2
    patience_s: float = 1.0  # with the worker, where a full batch waits, before pausing
    backoff_s: float = 0.5  # doubles up to `backoff_max_s`
    backoff_max_s: float = 10.0
    heartbeat_s: float = 5.0  # an idle ingester says this often that it has read everything
    reread: timedelta | None = None  # what was appended since so long ago is read again at first


@dataclass(slots=True)
class Stats:
    """What the loop has done since it started; read by metrics and readiness."""

    records: int = 0
    events: int = 0
    signals: int = 0
    dead_letters: int = 0
    commits: int = 0
    failures: int = 0
    failing_since: datetime | None = None
    last_error: str = ""
    lag: int = 0
