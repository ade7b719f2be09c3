"""Moments on their way into and out of the store: milliseconds since the epoch, always UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from impact.model import TimeArray
from ingest.sink import Minutes

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    """Milliseconds since the epoch, rounded down; exact, unlike `timestamp()`."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def moment(value: int) -> datetime:
    """The moment of some milliseconds since the epoch."""
    return _EPOCH + timedelta(milliseconds=value)


def known_moment(value: int | None) -> datetime | None:
    """The same, None where there is none."""
    return None if value is None else moment(value)


def to_minutes(numbers: Sequence[int]) -> Minutes:
    """Minutes since the epoch as an array of moments, ascending."""
    return np.sort(np.asarray(numbers, dtype=np.int64)).astype("datetime64[m]")


def to_seconds(numbers: NDArray[np.generic]) -> TimeArray:
    """Seconds since the epoch as an array of moments."""
    return np.asarray(numbers, dtype=np.int64).astype("datetime64[s]")


def utc_now() -> datetime:
    """The clock that everything in the store uses unless told otherwise."""
    return datetime.now(UTC)
