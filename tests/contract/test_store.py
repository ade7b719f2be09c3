"""One suite, both ways to the engine: embedded, and over ClickHouse's HTTP protocol."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enrich.model import Measure
from impact.progress import BINS, PER_PROMISE
from impact.promise import STOPWATCH, Clock
from ingest.sink import NO_DELAY, Arrival, Progress
from ingest.streams import StreamConfig
from store.store import Store
from tests.clickhouse_engine import MakeStore, ManualClock
from tests.store.rows import NOON, event, later, minute, table, touched

pytestmark = [pytest.mark.engine, pytest.mark.network]

DAY = timedelta(days=1)
PAYMENTS = Measure("checkout", "payments", "flow", "payments", failed=("failed",))
ORDERS = Measure(
    "fulfilment",
    "orders",
    "lead_time",
    "orders",
    start="placed",
    finish="shipped",
    closed=("cancelled",),
    promise=timedelta(hours=1),
)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


@pytest.fixture(params=["chdb", "http"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(make_store: MakeStore, interface: str) -> Store:
    return make_store(interface)


def ingest(store: Store, *rows: dict[str, Any]) -> None:
    """What the consumer does: insert, then recompute the touched minutes."""
    store.insert_events(table(rows))
    store.recompute(touched(rows))


def units(store: Store, *statuses: str, stream: str = "payments") -> float:
    return float(store.volumes(stream, statuses, *ALWAYS).count.sum())


# exactly once in effect


def test_an_event_is_counted_in_its_minute(store):
    ingest(store, event("a", later(0.9)), event("b", later(1.5), count=3))
    found = store.volumes("payments", ["ok"], NOON, later(5))
    assert found.times.tolist() == [later(0).replace(tzinfo=None), later(1).replace(tzinfo=None)]
    assert found.count.tolist() == [1.0, 3.0]
    assert found.amounts == {}


def test_start_belongs_to_a_window_and_end_does_not(store):
    ingest(store, event("a"), event("b", later(1)))
    assert store.volumes("payments", ["ok"], NOON, later(1)).count.tolist() == [1.0]
    assert store.volumes("payments", ["ok"], later(2), later(3)).count.tolist() == []


def test_repeats_vanish_within_and_between_batches(store):
    rows = [event("a"), event("a"), event("b", amount="9.99")]
    for _ in range(3):
        ingest(store, *rows)
    assert units(store, "ok") == 2
    assert store.money("payments", ["ok"], *ALWAYS) == {"EUR": Decimal("9.99")}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_later_position_wins_in_either_order_of_arrival(store, order):
    versions = [event("a", amount="10", position=7), event("a", amount="12", position=8)]
    for place in order:
        ingest(store, versions[place])
    assert store.money("payments", ["ok"], *ALWAYS) == {"EUR": Decimal(12)}


def test_a_status_that_a_correction_emptied_leaves_nothing_behind(store):
    ingest(store, event("a", status="ok"))
    ingest(store, event("a", status="failed", position=2))
    assert (units(store, "ok"), units(store, "failed")) == (0, 1)


def test_the_same_id_at_another_time_is_another_event(store):
    ingest(store, event("a"), event("a", later(seconds=1)))
    assert units(store, "ok") == 2


def test_of_two_racing_recomputes_the_one_that_saw_both_inserts_wins(store):
    runs = [(minute(NOON)[0].astype(int), minute(NOON)[0].astype(int) + 1)]
    runs = [(int(a), int(b)) for a, b in runs]
    store.insert_events(table([event("a")]))
    slow = store.minutes.read_generation("payments", runs)
    store.insert_events(table([event("b")]))
    quick = store.minutes.read_generation("payments", runs)
    assert quick > slow
    store.minutes.count("payments", runs, quick)
    # The slow one has read before the second insert, and writes only now.
    store.database.execute(
        "INSERT INTO minutes (stream, minute, generation, oldest, `cells.status`,"
        " `cells.currency`, `cells.segment`, `cells.events`, `cells.count`, `cells.amount`,"
        " `cells.value_sum`, `cells.value_count`) SELECT stream, minute, "
        f"{slow}, oldest, ['ok'], [''], [map()], [1], [1], [0], [0], [0] FROM minutes"
    )
    assert units(store, "ok") == 2


def test_a_generation_never_falls_behind_what_is_stored(store):
    ingest(store, event("a"))
    start = int(minute(NOON)[0].astype(int))
    ahead = store.minutes.read_generation("payments", [(start, start + 1)]) + 10**15
    store.minutes.count("payments", [(start, start + 1)], ahead)  # by a clock that was ahead
    ingest(store, event("b"))
    assert units(store, "ok") == 2


_streams = count(1)
_event = st.tuples(
    st.sampled_from("abcdef"),  # id
    st.integers(0, 3),  # at, in half minutes
    st.sampled_from(["ok", "failed"]),
    st.integers(0, 10**11),  # amount, in 10**-9
    st.sampled_from(["EUR", "USD"]),
    st.integers(1, 5),  # count
)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    log=st.lists(_event, min_size=1, max_size=25),
    cuts=st.lists(st.integers(0, 24), max_size=3),
    replay=st.integers(0, 24),
    backwards=st.booleans(),
)
def test_totals_equal_an_oracle(store, log, cuts, replay, backwards):
    stream = f"s{next(_streams)}"
    rows = [
        event(
            id, later(at / 2), status, amount=Decimal(nano).scaleb(-9), currency=currency,
            count=n, position=position, stream=stream,
        )
        for position, (id, at, status, nano, currency, n) in enumerate(log)
    ]  # fmt: skip
    edges = sorted({0, *cuts, len(rows)})
    batches = [rows[a:b] for a, b in pairwise(edges)] + [rows[replay:]]
    for batch in reversed(batches) if backwards else batches:
        if batch:
            ingest(store, *batch)

    last = {(row["id"], row["at"]): row for row in rows}
    for status in ("ok", "failed"):
        counts: dict[datetime, int] = defaultdict(int)
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for row in last.values():
            if row["status"] == status:
                counts[row["at"].replace(second=0)] += row["count"]
                sums[row["currency"]] += row["amount"]
        found = store.volumes(stream, [status], *ALWAYS)
        seen = zip(found.times.tolist(), found.count.tolist(), strict=True)
        assert {t.replace(tzinfo=UTC): n for t, n in seen} == counts
        assert store.money(stream, [status], *ALWAYS) == sums


# money, values, segments


def test_money_is_exact_where_floats_are_not(store):
    rows = [event(f"e{i}", amount="0.1") for i in range(10)]
    ingest(store, *rows, event("big", amount="123456789012345678.987654321"))
    expected = Decimal("123456789012345679.987654321")
    assert store.money("payments", ["ok"], *ALWAYS) == {"EUR": expected}


def test_what_was_taken_by_stream_status_and_currency(store):
    ingest(
        store,
        event("a", amount="0.1"), event("b", later(1), amount="0.2"),
        event("c", amount="5", currency="USD"), event("d", status="failed", amount="7"),
        event("e", later(2), amount="100"), event("f", stream="carts", amount=None, currency=""),
        event("g", stream="other"),
    )  # fmt: skip
    found = store.taken(["payments", "carts"], NOON, later(2))
    assert [tuple(row.values()) for row in found] == [
        ("carts", "ok", "", 1, 0),
        ("payments", "failed", "EUR", 1, 7),
        ("payments", "ok", "EUR", 2, Decimal("0.3")),
        ("payments", "ok", "USD", 1, 5),
    ]


def test_each_currency_stays_apart(store):
    rows = [event("a", amount="5", currency="USD"), event("b", amount="7"), event("c")]
    ingest(store, *rows)
    found = store.volumes("payments", ["ok"], *ALWAYS)
    assert found.count.tolist() == [3.0]
    assert {c: a.tolist() for c, a in found.amounts.items()} == {"EUR": [7.0], "USD": [5.0]}


def test_levels_are_summed_beside_their_number(store):
    rows = [event("a", value=4.5), event("b", value=3.5), event("c")]
    ingest(store, *rows)
    found = store.volumes("payments", ["ok"], *ALWAYS)
    assert found.value_sum is not None and found.value_count is not None
    assert (found.value_sum.tolist(), found.value_count.tolist()) == ([8.0], [2.0])


def test_listed_segments_are_counted_apart_up_to_200(make_store, interface):
    store = make_store(
        interface, streams={"payments": StreamConfig("payments", segments=("shop",))}
    )
    shops = [event(f"e{i}", segment={"shop": f"s{i:03}", "x": "y"}) for i in range(205)]
    ingest(store, *shops[:150])
    ingest(store, *shops[150:])
    (stream,) = store.coverage()
    assert (stream.events, stream.events_in_other) == (205, 5)
    ingest(store, event("late", segment={"shop": "s999"}))
    ingest(store, event("known", segment={"shop": "s003"}))
    (stream,) = store.coverage()
    assert (stream.events, stream.events_in_other) == (207, 6)


# imports and sealing


def test_ten_years_in_one_batch(store, store_clock):
    first = datetime(2016, 11, 1, 0, 30, tzinfo=UTC)
    days = [first + n * DAY for n in range(3650)]
    rows = [event("e", day, received_at=store_clock.now) for day in days]
    ingest(store, *rows)
    assert units(store, "ok") == 3650
    (stream,) = store.coverage()
    assert (stream.first_minute, stream.last_minute) == (days[0], days[-1])


def test_a_minute_is_sealed_a_day_before_its_first_event_expires(store, store_clock):
    now = store_clock.now
    old, young = now - 89 * DAY, now - 89 * DAY + timedelta(minutes=2)
    ingest(store, event("a", old), event("b", young))
    asked = np.concatenate([minute(old), minute(young), minute(now - 200 * DAY)])
    asked = np.unique(asked)
    assert store.sealed("payments", asked).tolist() == minute(old).tolist()
    store_clock.advance(timedelta(minutes=3))
    assert len(store.sealed("payments", asked)) == 2
    assert len(store.sealed("other", asked)) == 0


def test_a_sealed_minute_is_never_counted_again(store, store_clock):
    old = store_clock.now - 88 * DAY
    ingest(store, event("a", old))
    store_clock.advance(2 * DAY)
    ingest(store, event("b", old))
    assert units(store, "ok") == 1


def test_what_arrived_lately_is_not_sealed_however_old_it_is(store, store_clock):
    old = store_clock.now - 800 * DAY
    ingest(store, event("a", old, received_at=store_clock.now))
    assert len(store.sealed("payments", minute(old))) == 0


# ids, journeys, evidence


def test_an_id_keeps_its_first_time(store):
    assert store.first_times("taxis", ["a", "b", "a"], [1000, 2000, 3000]) == [1000, 2000, 1000]
    assert store.first_times("taxis", ["b", "c"], [9000, 500]) == [2000, 500]
    assert store.first_times("other", ["b"], [9000]) == [9000]
    assert store.first_times("taxis", [], []) == []


def test_many_ids_at_once(store):
    ids = [f"{i:0>199}" for i in range(2000)]
    assert store.first_times("taxis", ids, list(range(2000))) == list(range(2000))
    assert store.first_times("taxis", ids[::-1], [7] * 2000) == list(range(2000))[::-1]


def order(key: str, status: str, minutes: float, **more: Any) -> dict[str, Any]:
    return event(f"{key}-{status}", later(minutes), status, key=key, stream="orders", **more)


def cohort(store: Store, start: float, end: float) -> list[tuple[Any, ...]]:
    found = store.cohort(ORDERS, later(start), later(end))
    columns = (found.started, found.finished, found.closed, found.amount)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def naive(minutes: float) -> datetime:
    return later(minutes).replace(tzinfo=None)


def test_a_cohort_is_what_was_open_or_placed_in_the_window(store):
    store.track_journeys({"orders"})
    ingest(
        store,
        order("before", "placed", -60), order("before", "shipped", -30),
        order("open", "placed", -60, amount="25"), order("open", "shipped", 5),
        order("inside", "placed", 3, amount="10"),
        order("ended", "placed", 4), order("ended", "cancelled", 6),
        order("after", "placed", 11),
        event("nokey", later(1), "placed", stream="orders"),
    )  # fmt: skip
    (first, *rest) = cohort(store, 0, 10)
    assert first == (naive(-60), naive(5), None, 25.0)
    assert rest[0] == (naive(3), None, None, 10.0)
    assert rest[1][:3] == (naive(4), None, naive(6)) and np.isnan(rest[1][3])
    assert len(rest) == 2


def test_journeys_forget_repeats_and_follow_corrections(store):
    store.track_journeys({"orders"})
    for _ in range(2):
        ingest(store, order("a", "placed", 0), order("a", "shipped", 5))
    wrong = order("a", "shipped", 5, position=2) | {"status": "delivered"}
    ingest(store, wrong)
    assert [row[:2] for row in cohort(store, 0, 1)] == [(naive(0), None)]


def test_a_stream_that_is_followed_later_brings_its_past(store):
    ingest(store, order("a", "placed", 0), order("a", "placed", 1))
    assert cohort(store, 0, 9) == []
    store.track_journeys({"orders"})
    store.track_journeys({"orders"})
    ingest(store, order("b", "placed", 2))
    assert [row[0] for row in cohort(store, 0, 9)] == [naive(0), naive(2)]


def test_late_history_judges_by_what_was_known(store):
    store.track_journeys({"orders"})
    ingest(
        store,
        order("quick", "placed", 0), order("quick", "shipped", 30),
        order("slow", "placed", 1), order("slow", "shipped", 241),
        order("waiting", "placed", 2),
        order("cancelled", "placed", 3), order("cancelled", "cancelled", 10),
        order("gave up", "placed", 4), order("gave up", "cancelled", 184),
        order("next hour", "placed", 61), order("next hour", "shipped", 62),
    )  # fmt: skip

    def history(as_of: float) -> list[tuple[Any, ...]]:
        found = store.late_history(ORDERS, STOPWATCH, NOON, later(120), later(as_of))
        columns = (found.hours, found.placed, found.late, found.late_hours)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    # slow: 3 h late; waiting: 302 - 2 - 60 min = 4 h; gave up: 2 h
    assert history(302) == [(naive(0), 4, 3, 9.0), (naive(60), 1, 0, 0.0)]
    assert history(30) == [(naive(0), 4, 0, 0.0)]

    ages = store.late_history(ORDERS, STOPWATCH, NOON, later(120), later(302)).ages
    assert ages.shape == (2, BINS)
    assert ages[0, PER_PROMISE // 2] == 1  # quick: half of the hour
    assert ages[0, 7 * PER_PROMISE // 60] == 1  # cancelled
    assert ages[0, -1] == 3  # slow and gave up took more than two promises, one still waits
    assert ages.sum(axis=1).tolist() == [5, 1]


def test_late_history_reads_delays_from_the_clock_of_the_promise(store):
    store.track_journeys({"orders"})
    ingest(
        store,
        order("in time", "placed", 0), order("in time", "shipped", 239),
        order("late", "placed", 30), order("late", "shipped", 300),
        order("over night", "placed", 31), order("over night", "cancelled", 270),
    )  # fmt: skip
    # an hour is promised on a clock that stands from the first to the fourth hour
    noon = int(NOON.timestamp())
    at = np.array([0, noon + 3600, noon + 4 * 3600], dtype=np.int64)
    reading = np.array([0, noon + 3600, noon + 3600], dtype=np.int64)
    clock = Clock(at, reading, np.array([1, 0, 1], dtype=np.int64))
    found = store.late_history(ORDERS, clock, NOON, later(120), later(600))
    # late: half an hour before the clock stops and one after it goes on; cancelled in time
    assert (found.placed.tolist(), found.late.tolist()) == ([2.0], [1.0])
    assert found.late_hours.tolist() == [0.5]


def failed_keys(store: Store) -> tuple[int | None, int | None]:
    return store.failed_keys(PAYMENTS, NOON, later(10), later(60))


def test_keys_that_failed_and_never_succeeded(store):
    def attempt(key: str, status: str, minutes: float, customer: str = "") -> dict[str, Any]:
        return event(f"{key}{minutes}", later(minutes), status, key=key, customer=customer)

    ingest(
        store,
        attempt("lost", "failed", 1, "anna"), attempt("lost", "failed", 2, "anna"),
        attempt("retried", "failed", 3, "bert"), attempt("retried", "ok", 40, "bert"),
        attempt("too late", "failed", 4, "anna"), attempt("too late", "ok", 61),
        attempt("afterwards", "failed", 20, "carl"),
        attempt("fine", "ok", 5),
        event("nokey", later(6), "failed"),
    )  # fmt: skip
    assert failed_keys(store) == (2, 1)


def test_evidence_is_none_where_it_cannot_be_known(store):
    assert failed_keys(store) == (None, None)
    ingest(store, event("a", status="failed"))
    assert failed_keys(store) == (None, None)  # no keys
    ingest(store, event("b", status="failed", key="k"))
    assert failed_keys(store) == (1, None)  # no customers
    store.database.execute("ALTER TABLE business_events DELETE WHERE id = 'a'")
    assert failed_keys(store) == (None, None)  # raw events have expired


# how data arrives


def test_how_each_stream_arrives(store):
    ingest(store, event("a"), event("b", later(5)), event("c", stream="orders"))
    arrivals = [
        Arrival("payments", "business", later(m), 1000 * m, later(m - 1), later(m))
        for m in range(1, 21)
    ]
    arrivals[0] = replace(arrivals[0], delay_ms=6_000_000)  # one straggler teaches nothing
    other = Arrival("orders", "business", later(30), 5, later(29), later(30))
    progress = [
        Progress("business", 0, 10, later(40), 0),
        Progress("business", 1, 11, later(35), 2),
    ]
    for _ in range(2):
        store.record_progress(progress, [*arrivals, other])
    store.record_progress([Progress("business", 0, 12, later(41), 1)], [])
    states = store.stream_states()
    payments = states["payments"]
    assert payments.first_at == NOON
    assert payments.last_at == later(19)
    assert payments.last_received == later(20)
    assert payments.delay_s == pytest.approx(20, abs=1)
    assert payments.read_until == later(35)
    assert payments.siblings_received == later(30)
    assert states["orders"].siblings_received == later(20)
    assert (payments.pause_s, payments.lag, payments.siblings) == (60.0, 3, ("orders",))
    assert [p.next_offset for p in store.progress()] == [12, 11]


@pytest.mark.parametrize(("minutes", "delay_s"), [(1, 7200), (2, 20), (5, 20), (10, 20)])
def test_one_straggler_teaches_a_young_stream_no_delay(store, minutes, delay_s):
    ingest(store, event("a"))
    came = [
        Arrival("payments", "business", later(m), 20_000, later(m), later(m))
        for m in range(minutes)
    ]
    came[-1] = replace(came[-1], delay_ms=7_200_000)
    store.record_progress([], came)
    assert store.stream_states()["payments"].delay_s == delay_s


@pytest.mark.parametrize(
    ("days", "begins"),
    [
        ([0], NOON),
        ([0, 30], NOON),
        ([-900, -899, 0], NOON - 900 * DAY),  # two days are no slip
        ([-900, 0], NOON.replace(hour=0)),  # whole days are left out, so the rest of them counts
        ([-900, -100, 0, 1], NOON.replace(hour=0)),
    ],
)
def test_one_event_with_an_old_date_is_not_the_beginning_of_a_stream(store, days, begins):
    ingest(store, *(event(f"{d}", NOON + d * DAY, received_at=NOON) for d in days))
    assert store.stream_states()["payments"].first_at == begins


def test_a_replay_of_old_events_does_not_show_that_a_sibling_is_alive(store):
    ingest(store, event("a"), event("b", stream="orders"))
    payments = Arrival("payments", "business", later(1), 1000, NOON, later(1))
    replayed = Arrival("orders", "business", later(600), NO_DELAY, later(5), later(600))
    progress = [Progress("business", 0, 10, later(600), 0)]
    store.record_progress(progress, [payments, replayed])
    assert store.stream_states()["payments"].siblings_received == later(7)  # and not 600


def test_an_hourly_export_has_learned_its_pause(store):
    ingest(store, event("a"))
    came = [
        Arrival(
            "payments",
            "exports",
            later(60 * hour + m),
            3_600_000,
            later(60 * hour),
            later(60 * hour + m),
        )
        for hour in range(24)
        for m in (5, 6)
    ]
    store.record_progress([], came)
    assert store.stream_states()["payments"].pause_s == 59 * 60


def test_a_stream_without_arrivals_is_known_by_its_minutes(store):
    ingest(store, event("a"))
    state = store.stream_states()["payments"]
    assert (state.first_at, state.last_at) == (NOON, NOON)
    assert state.last_received is state.delay_s is state.read_until is None
    assert state.siblings_received is None


def test_cadence_comes_from_the_settings(make_store, interface):
    hourly = StreamConfig("payments", cadence=timedelta(hours=1))
    store = make_store(interface, streams={"payments": hourly})
    ingest(store, event("a"))
    assert store.stream_states()["payments"].cadence == timedelta(hours=1)


def test_streams_of_a_declared_source_are_siblings_and_no_others(make_store, interface):
    """All streams may come by one topic: that the till works says nothing of the telephones."""
    of = {"payments": "till", "carts": "till", "tills": "till", "calls": "telephony"}
    config = {name: StreamConfig(name, source=source) for name, source in of.items()}
    store = make_store(interface, streams=config)
    names = [*of, "orders", "parcels"]
    ingest(store, *(event(name, stream=name) for name in names))
    store.record_progress(
        [Progress("business", 0, 10, later(40), 0)],
        [
            Arrival(name, "exports" if name == "carts" else "business", later(n), 0, NOON, later(n))
            for n, name in enumerate(names)
        ],
    )
    states = store.stream_states()
    assert {name: state.siblings for name, state in states.items()} == {
        "payments": ("carts", "tills"),
        "carts": ("payments", "tills"),
        "tills": ("carts", "payments"),
        "calls": (),
        "orders": ("parcels",),
        "parcels": ("orders",),
    }
    assert states["calls"].siblings_received is None


def test_a_million_open_journeys_are_one_cohort(store: Store, store_clock: ManualClock):
    store.database.execute(
        "INSERT INTO journeys (stream, key_hash, id_hash, at, status, key, position)"
        " SELECT 'orders', sipHash64(number), number,"
        f" fromUnixTimestamp64Milli({int(NOON.timestamp() * 1000)} + number, 'UTC'),"
        " 'placed', toString(number), 1 FROM numbers(1000000)"
    )
    found = store.cohort(ORDERS, NOON, NOON + DAY)
    assert len(found.started) == 1_000_000
    assert np.isnat(found.finished).all()
