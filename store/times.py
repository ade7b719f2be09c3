"""Moments on their way into and out of the store, beside `ingest.times`: always UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from impact.model import TimeArray
from ingest.sink import Minutes
from ingest.times import from_ms


def known_moment(value: int | None) -> datetime | None:
    """The UTC moment of milliseconds since the epoch, None where there is none."""
    return None if value is None else from_ms(value)


def to_minutes(numbers: Sequence[int]) -> Minutes:
    """Minutes since the epoch as an array of moments, ascending."""
    return np.sort(np.asarray(numbers, dtype=np.int64)).astype("datetime64[m]")


def to_seconds(numbers: NDArray[np.generic]) -> TimeArray:
    """Seconds since the epoch as an array of moments."""
    return np.asarray(numbers, dtype=np.int64).astype("datetime64[s]")


def utc_now() -> datetime:
    """The clock that everything in the store uses unless told otherwise."""
    return datetime.now(UTC)
