"""Moments as numpy has them: in UTC, without a zone, to the second."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from impact.calendar import IntArray
from impact.model import TimeArray


def utc64(moment: datetime) -> np.datetime64:
    """A moment, to compare arrays of times with."""
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "s")


def as_datetime(time: np.datetime64) -> datetime:
    """One of an array of times as a moment."""
    return datetime.fromtimestamp(int(time.astype("datetime64[s]").astype(np.int64)), UTC)


def epoch_seconds(times: TimeArray) -> IntArray:
    """Seconds since 1970, in the shape of the times."""
    seconds: IntArray = times.astype("datetime64[s]").astype(np.int64)
    return seconds
