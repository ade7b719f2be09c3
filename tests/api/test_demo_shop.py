"""The simulated shop as its users see it: lines, signals, identity, local time."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml

import api.demo
from api.demo import Incident, Shop
from api.demo.demand import home_shape, is_holiday
from api.demo.moments import SHOP_ZONE, local_parts, ms_of
from api.demo.world import PROMISE_MS, STREAMS
from ingest.decode import decode
from ingest.log import Record
from ingest.streams import IngestConfig

START = datetime(2026, 11, 17, 17, 3, tzinfo=UTC)  # a Tuesday evening
HOUR = timedelta(hours=1)
EXAMPLE_MAP = Path(__file__).parents[2] / "deploy/examples/shop/map.yaml"
MINUTE = timedelta(minutes=1)


def events(chunk: bytes) -> list[dict[str, str]]:
    return [json.loads(line) for line in chunk.splitlines()]


@pytest.fixture(scope="module")
def week() -> list[bytes]:
    return list(Shop(7, START, weeks=1).history())


@pytest.fixture(scope="module")
def told(week) -> list[dict[str, str]]:
    return [event for chunk in week for event in events(chunk)]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(week):
    assert list(Shop(7, START, weeks=1).history()) == week
    assert next(Shop(8, START, weeks=1).history()) != week[0]


def test_the_zone_in_which_the_start_is_written_does_not_matter(week):
    berlin = START.astimezone(ZoneInfo("Europe/Berlin"))
    assert next(Shop(7, berlin, weeks=1).history()) == week[0]


def test_history_comes_in_days_that_ascend_in_time(week, told):
    times = [event["at"] for event in told]
    assert times == sorted(times)
    assert len(week) == 8  # seven days that begin and end within a day
    assert times[0] >= "2026-11-10T17:03" and times[-1] < "2026-11-17T17:03"


def test_live_goes_on_where_history_stops_and_says_what_history_would_have_said():
    shop = Shop(7, START, weeks=1)
    until = START + 8 * HOUR  # past midnight
    steps = [START + i * 7 * MINUTE for i in range(69)] + [until]
    live = [line.body for a, b in pairwise(steps) for line in shop.live(a, b)]
    history = [line for chunk in Shop(7, START, weeks=1).history(until) for line in chunk.split()]
    assert live == history[-len(live) :]
    assert json.loads(history[-len(live) - 1])["at"] < "2026-11-17T17:03"


def test_what_was_told_stays_so_when_time_goes_on():
    shop = Shop(7, START, weeks=1)
    first = shop.live(START, START + HOUR)
    shop.live(START + timedelta(days=9), START + timedelta(days=9, hours=1))
    assert shop.live(START, START + HOUR) == first


def test_every_line_is_read_by_the_wire_format(week):
    now = datetime(2026, 11, 18, tzinfo=UTC)
    records = [Record("toll.business", 0, n, 0, None, chunk) for n, chunk in enumerate(week)]
    decoded = decode(records, IngestConfig(salt=b"test"), now)
    assert decoded.dead == ()
    assert decoded.events.num_rows == sum(chunk.count(b"\n") for chunk in week)


def test_identities_are_unique(told):
    ids = Counter((e["stream"], e["id"]) for e in told)
    assert max(ids.values()) == 1


def test_retries_share_their_key_amount_and_customer_and_end_with_the_first_success(told):
    attempts = defaultdict(list)
    for event in told:
        if event["stream"] == "payments":
            attempts[event["key"]].append(event)
    again = [tried for tried in attempts.values() if len(tried) > 1]
    assert len(again) > 100
    for tried in again:
        assert len({(e["amount"], e["currency"], e["customer"]) for e in tried}) == 1
        assert len({e["id"] for e in tried}) == len(tried)
        assert "ok" not in [e["status"] for e in tried[:-1]]


def test_orders_go_through_their_stages_in_order(told):
    stages = defaultdict(list)
    for event in told:
        if event["stream"] == "orders":
            stages[event["key"]].append(event["status"])
    whole = Counter(tuple(s) for s in stages.values() if s[0] == "placed")
    assert set(whole) == {
        ("placed",),
        ("placed", "shipped"),
        ("placed", "cancelled"),
        ("placed", "shipped", "delivered"),
    }


def test_evenings_are_busy_and_eight_weeks_are_about_a_million_events(told):
    payments = Counter(e["at"][:16] for e in told if e["stream"] == "payments")
    evening = [n for minute, n in payments.items() if "18:30" <= minute[11:] < "20:00"]
    night = [n for minute, n in payments.items() if "03:00" <= minute[11:] < "05:00"]
    assert max(evening) > 20 > 3 * np.mean(night)
    assert 0.5e6 < 8 * len(told) < 1.8e6


def test_the_scenario_begins_quietly_and_repeats_every_two_hours():
    shop = Shop(7, START, weeks=1)
    told = shop.incidents_until(START + 4 * HOUR)
    minutes = [((i.start - START) / MINUTE, i.kind) for i in told if i.start >= START]
    assert minutes == [
        (4.0, "payment_outage"),
        (42.0, "warehouse_delay"),
        (102.0, "call_spike"),
        (124.0, "payment_outage"),
        (222.0, "call_spike"),
    ]
    for incident in told:
        if incident.kind == "payment_outage":
            assert 0.6 <= incident.severity <= 1.0
            assert incident.end - incident.start <= timedelta(minutes=50)


def test_a_history_of_eight_weeks_holds_five_incidents_that_have_healed():
    shop = Shop(7, START)
    past = shop.incidents
    assert Counter(i.kind for i in past) == {
        "payment_outage": 3,
        "warehouse_delay": 1,
        "call_spike": 1,
    }
    assert all(shop.first < i.start and i.end < START - timedelta(days=2) for i in past)
    assert len(shop.signals(shop.first, START)) == 3 * 4 + 3 + 2


def test_signals_fire_two_minutes_after_the_business_effect_and_clear_after_its_end():
    shop = Shop(7, START, weeks=1)
    (outage,) = [i for i in shop.incidents_until(START + HOUR / 2) if i.start >= START]
    signals = shop.signals(START, START + 35 * MINUTE)
    assert [s["status"] for s in signals[:2]] == ["firing", "firing"]
    assert datetime.fromisoformat(str(signals[0]["started_at"])) == outage.start + 2 * MINUTE
    resolved = next(s for s in signals if s["status"] == "resolved")
    assert datetime.fromisoformat(str(resolved["ended_at"])) == outage.end + 3 * MINUTE
    assert resolved["fingerprint"] == signals[0]["fingerprint"]
    assert set(signals[0]) == {
        "id", "source", "kind", "status", "severity", "labels", "summary", "url",
        "started_at", "ended_at", "fingerprint",
    }  # fmt: skip


def test_signals_of_small_steps_are_those_of_the_whole():
    shop = Shop(7, START, weeks=1)
    whole = shop.signals(START, START + 3 * HOUR)
    steps = [START + i * MINUTE for i in range(181)]
    parts = [s for a, b in pairwise(steps) for s in shop.signals(a, b)]
    assert parts == whole
    assert len({s["id"] for s in whole}) == len(whole)


def test_every_signal_means_a_node_of_the_example_map_and_every_stream_a_measure():
    shop_map = yaml.safe_load(EXAMPLE_MAP.read_text())
    layers = ("services", "applications", "infrastructure", "providers")
    matches = [m for layer in layers for n in shop_map[layer].values() for m in n.get("match", [])]
    shop = Shop(7, START)
    for signal in shop.signals(shop.first, START + 4 * HOUR):
        labels: Any = signal["labels"]
        assert any(
            all(re.fullmatch(pattern, labels.get(name, "")) for name, pattern in match.items())
            for match in matches
        ), labels
    measures = [m for p in shop_map["processes"].values() for m in p["measures"].values()]
    assert {m["stream"] for m in measures} == set(STREAMS)
    assert shop_map["processes"]["fulfilment"]["measures"]["orders"]["promise"] == "4h"
    assert PROMISE_MS == 4 * 3_600_000
    assert shop_map["timezone"] == SHOP_ZONE


def test_a_change_is_told_before_the_incident_it_triggers():
    signals = Shop(7, START, weeks=1).signals(START, START + HOUR)
    change = next(s for s in signals if s["kind"] == "change")
    alert = next(s for s in signals if "Dispatch" in str(s["summary"]))
    assert change["labels"] == {"job": "warehouse-app"}
    assert str(change["started_at"]) < str(alert["started_at"])


@pytest.mark.parametrize(
    ("day", "utc_hour"),
    [("2026-10-24", 18), ("2026-10-26", 19), ("2026-03-27", 19), ("2026-03-30", 18)],
)
def test_the_evening_peak_follows_local_time_across_the_change_of_clocks(day, utc_hour):
    number = ms_of(datetime.fromisoformat(day).replace(tzinfo=UTC)) // 86_400_000
    assert int(home_shape(number).argmax()) // 60 == utc_hour + (day == "2026-10-24") * -1


def test_the_hour_that_comes_twice_and_the_hour_that_is_left_out():
    autumn, _, _ = local_parts(20_751, "Europe/Berlin")  # 2026-10-25
    spring, _, _ = local_parts(20_541, "Europe/Berlin")  # 2026-03-29
    assert (autumn[0], autumn[59], autumn[60], autumn[1439]) == pytest.approx(
        (2.0, 2 + 59 / 60, 2.0, 59 / 60)
    )
    assert (spring[59], spring[60], spring[1439]) == pytest.approx((1 + 59 / 60, 3.0, 1 + 59 / 60))


def test_holidays_are_those_of_germany():
    days = [datetime(2026, 1, 1).date() + timedelta(days=n) for n in range(365)]  # noqa: DTZ001
    epoch = datetime(1970, 1, 1).date()  # noqa: DTZ001
    found = [day.isoformat()[5:] for day in days if is_holiday((day - epoch).days)]
    assert " ".join(found) == "01-01 04-03 04-06 05-01 05-14 05-25 10-03 12-25 12-26"


def test_lines_are_keyed_so_that_a_cart_or_an_order_stays_in_one_partition():
    for line in Shop(7, START, weeks=1).live(START, START + HOUR):
        event = json.loads(line.body)
        assert line.stream == event["stream"]
        assert line.key == event.get("key", event["id"].rpartition("-")[0])


def test_a_bad_call_says_what_is_wrong():
    with pytest.raises(ValueError, match="weeks"):
        Shop(1, START, weeks=0)
    with pytest.raises(ValueError, match="zone"):
        Shop(1, START.replace(tzinfo=None))


def test_the_simulator_needs_numpy_alone_and_no_clock():
    allowed = {
        "__future__", "api", "collections", "dataclasses", "datetime", "decimal", "functools",
        "numpy", "typing", "zoneinfo",
    }  # fmt: skip
    for path in Path(api.demo.__file__).parent.glob("*.py"):
        source = path.read_text()
        imports = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.ImportFrom)]
        assert {str(n.module).partition(".")[0] for n in imports} <= allowed, path
        assert all(str(n.module).startswith("api.demo") for n in imports if "api" in str(n.module))
        assert "now(" not in source or "real_now" in source


def test_a_custom_scenario_replaces_the_scheduled_one():
    at = ms_of(START)
    incident = Incident("mine", "payment_outage", at, at + 600_000, 1.0)
    shop = Shop(7, START, weeks=1, incidents=(incident,))
    assert shop.incidents_until(START + timedelta(days=3)) == (incident,)
    inside = [json.loads(x.body) for x in shop.live(START + 2 * MINUTE, START + 10 * MINUTE)]
    statuses = {e["status"] for e in inside if e["stream"] == "payments"}
    assert statuses == {"failed"}
