from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.times import from_ms, lacks_zone, rfc3339_ms, to_ms

zones = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(
    datetime(1970, 1, 3, tzinfo=UTC).replace(tzinfo=None),
    datetime(2099, 12, 30, tzinfo=UTC).replace(tzinfo=None),
    timezones=zones,
)


@given(moments)
def test_every_moment_is_read_back_to_the_millisecond(moment: datetime) -> None:
    found = from_ms(rfc3339_ms(moment.isoformat()))
    assert found == moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert to_ms(found) == rfc3339_ms(moment.isoformat())


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026-11-22",
        "2026-11-22T10:15Z",
        "2026-11-22T10:15:00",
        "2026-11-22T10:15:00+0100",
        "2026-11-22T24:00:00Z",
        "2026-11-22T10:60:00Z",
        "2026-02-30T10:15:00Z",
        "2026-11-22T10:15:00.Z",
        "2026-11-22T10:15:60Z",
        "٢٠٢٦-11-22T10:15:00Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_what_is_not_rfc_3339_is_a_value_error(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        rfc3339_ms(written)


@given(st.text(max_size=30))
def test_any_text_is_a_moment_or_a_value_error(written: str) -> None:
    try:
        rfc3339_ms(written)
    except ValueError:
        return
    assert not lacks_zone(written)
