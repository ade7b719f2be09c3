"""Small worlds with a known truth, for the tests of the estimator."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday


def utc(day: int, hour: float = 0.0) -> datetime:
    """A moment some days and hours after the start of the world."""
    return START + timedelta(days=day, hours=hour)


def times(days: float, step_s: int = 3600, start: datetime = START) -> np.ndarray:
    first = np.datetime64(int(start.timestamp()), "s")
    return first + np.arange(int(days * 86400 / step_s)) * np.timedelta64(step_s, "s")


def local_hours(at: np.ndarray, timezone: str) -> tuple[np.ndarray, np.ndarray]:
    """Local weekday and hour (a fraction) of each time, the slow and certain way."""
    zone = ZoneInfo(timezone)
    local = [datetime.fromtimestamp(int(t), UTC).astimezone(zone) for t in at.astype(np.int64)]
    hour = np.array([t.hour + t.minute / 60 for t in local])
    return np.array([t.weekday() for t in local]), hour


def week_shape(at: np.ndarray, timezone: str = "UTC") -> np.ndarray:
    """A day that peaks at two in the afternoon, weekends at 60 %; the mean is about one."""
    weekday, hour = local_hours(at, timezone)
    return (1 + 0.8 * np.cos((hour - 14) / 24 * 2 * np.pi)) * np.where(weekday >= 5, 0.6, 1.1)


def counts(at: np.ndarray, per_bin: float, seed: int = 1, timezone: str = "UTC") -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.poisson(per_bin * week_shape(at, timezone)).astype(float)
