from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from impact.ports import StreamState, Volumes
from impact.watermark import Watermark, bin_sums, fill_bins, watermark
from tests.impact.arrays import at, stamp

MINUTE = timedelta(minutes=1)
NOW = at(hours=10)
BUSY = StreamState(
    stream="payments",
    first_at=at(),
    last_at=at(599),
    last_received=NOW - timedelta(seconds=5),
    delay_s=60.0,
    read_until=NOW,
    siblings_received=None,
)


def bins(volumes: Volumes, mark: Watermark, first: float, size: int, *, minutes: int = 1):
    """So many bins from a minute on, NaN where not measured."""
    start, width = int(at(first).timestamp()), 60 * minutes
    counts = bin_sums(volumes.times, volumes.count, start, width, size)
    return fill_bins(start + width * np.arange(size), counts, width, mark)


def rows(*minutes: tuple[int, float]) -> Volumes:
    times = np.array([stamp(at(minute)) for minute, _ in minutes], dtype="datetime64[s]")
    return Volumes(times, np.array([count for _, count in minutes], dtype=float), {})


def test_a_busy_stream_is_complete_up_to_its_usual_delay():
    mark = watermark(BUSY, NOW)
    assert mark.until == NOW - 2 * MINUTE  # 09:58:55, to the whole minute
    assert (mark.alive, mark.reason) == (True, "")


def test_what_the_ingesters_have_not_read_is_not_complete():
    assert watermark(replace(BUSY, read_until=at(hours=9)), NOW).until == at(hours=9) - MINUTE


def test_a_silent_feed_alone_is_unknown_with_both_readings():
    silent = replace(BUSY, last_at=at(570), last_received=at(570))
    mark = watermark(silent, NOW)
    assert mark.until == at(569)
    assert (mark.alive, mark.reason) == (False, "feed silent or business stopped")
    assert mark.as_stopped().until == at(599)  # the other reading: zeros since then


def test_a_sibling_stream_makes_silence_a_zero():
    silent = replace(BUSY, last_at=at(570), last_received=at(570), siblings_received=NOW)
    mark = watermark(silent, NOW)
    assert (mark.until, mark.alive) == (at(599), True)


def test_importing_an_old_file_does_not_prove_that_the_source_is_alive():
    imported = replace(BUSY, last_at=at(60), last_received=NOW)
    mark = watermark(imported, NOW)
    assert mark.until == at(60)
    assert not mark.alive


def test_a_declared_cadence_is_complete_to_its_last_lump():
    hourly = replace(
        BUSY,
        cadence=timedelta(hours=1),
        delay_s=None,
        last_at=at(539),
        last_received=at(545),
    )
    mark = watermark(hourly, NOW)
    assert (mark.until, mark.alive) == (at(539), True)
    later = NOW + timedelta(hours=2)
    assert not watermark(replace(hourly, read_until=later), later).alive


def test_a_slow_stream_may_pause_for_its_usual_gap():
    slow = replace(BUSY, last_at=at(580), last_received=at(580))
    assert not watermark(slow, NOW).alive
    assert watermark(slow, NOW, usual_gap=timedelta(minutes=30)).alive


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (replace(BUSY, first_at=None, last_at=None, last_received=None), "no data"),
        (replace(BUSY, read_until=None), "never read"),
    ],
)
def test_without_data_or_reading_nothing_is_alive(state, reason):
    mark = watermark(state, NOW)
    assert (mark.alive, mark.reason) == (False, reason)


def test_missing_minutes_are_zero_below_the_watermark_and_unknown_beyond():
    mark = watermark(BUSY, NOW)
    values = bins(rows((590, 3), (597, 4)), mark, 595, 5)
    assert np.array_equal(values, [0, 0, 4, np.nan, np.nan], equal_nan=True)


def test_a_bin_that_the_watermark_cuts_is_unseen():
    mark = watermark(BUSY, NOW)  # 09:58
    values = bins(rows((590, 3), (591, 2), (596, 9)), mark, 590, 2, minutes=5)
    assert np.array_equal(values, [5, np.nan], equal_nan=True)


def test_minutes_before_the_first_row_were_not_measured():
    mark = watermark(replace(BUSY, first_at=at(3)), NOW)
    values = bins(rows((3, 1)), mark, 0, 6)
    assert np.array_equal(values, [np.nan, np.nan, np.nan, 1, 0, 0], equal_nan=True)
