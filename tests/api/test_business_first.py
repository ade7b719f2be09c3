"""When a shortfall is an incident of its own, for how long, and when it no longer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from api.assess.business_first import business_first
from enrich.graph import Graph
from enrich.incident import Incident, Reached
from enrich.model import BusinessMap, Measure, Process
from impact.shortfall import Shortfall

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CHECKOUT = Process(
    "checkout",
    "Web checkout",
    measures=(
        Measure("checkout", "payments", "flow", "payments", title="Payments"),
        Measure("checkout", "carts", "flow", "carts", title="Carts"),
    ),
)
SUPPORT = Process(
    "support",
    "Support",
    measures=(
        Measure("support", "calls", "load", "calls", title="Calls", driven_by=("checkout",)),
    ),
)
GRAPH = Graph(
    BusinessMap(
        company="Shop",
        currency="EUR",
        timezone="UTC",
        version="1",
        processes={"checkout": CHECKOUT, "support": SUPPORT},
        nodes={},
    )
)
SHORT = Shortfall("checkout/payments", NOW - 20 * MINUTE, None, 1.5, 0.8)


def technical(process: str, start: datetime, end: datetime | None = None) -> Incident:
    reached = (Reached(process, 1.0, ("stripe", process)),)
    return Incident(
        "t", "outage", "open", "Stripe", start, end, "stripe", "Stripe -> ...", reached=reached
    )


def test_a_shortfall_without_a_signal_opens_an_incident():
    ((name, incident),) = business_first(GRAPH, {}, [SHORT], [], NOW).items()
    assert name == incident.id
    assert (incident.kind, incident.started_at, incident.ended_at) == (
        "business",
        SHORT.start,
        None,
    )
    assert incident.title == "Web checkout: fewer than usual payments, and no alert"
    assert incident.measures == ("checkout/payments",)
    assert "tools are green" in incident.explanation


def test_it_stays_one_while_its_start_is_estimated_anew_and_more_measures_turn_red():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    moved = replace(SHORT, start=SHORT.start - 3 * MINUTE)
    carts = replace(SHORT, measure="checkout/carts")
    after = business_first(GRAPH, before, [moved, carts], [], NOW + MINUTE)
    assert after.keys() == before.keys()
    (incident,) = after.values()
    assert incident.started_at == SHORT.start  # it keeps its own
    assert incident.measures == ("checkout/payments", "checkout/carts")


def test_it_ends_when_nothing_is_red_any_more():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    (ended,) = business_first(GRAPH, before, [], [], NOW + 5 * MINUTE).values()
    assert ended.ended_at == NOW + 5 * MINUTE
    back = replace(SHORT, end=NOW + 2 * MINUTE)
    (known,) = business_first(GRAPH, before, [back], [], NOW + 5 * MINUTE).values()
    assert known.ended_at == NOW + 2 * MINUTE


def test_before_anybody_has_looked_nothing_ends():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    assert business_first(GRAPH, before, None, [], NOW + MINUTE) == before


def test_a_technical_incident_that_reaches_the_process_explains_it():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    alert = technical("checkout", SHORT.start + 15 * MINUTE)
    assert business_first(GRAPH, before, [SHORT], [alert], NOW) == {}
    assert business_first(GRAPH, {}, [SHORT], [alert], NOW) == {}


def test_one_elsewhere_or_long_over_explains_nothing():
    elsewhere = technical("support", SHORT.start)
    over = technical("checkout", SHORT.start - timedelta(hours=3), SHORT.start - timedelta(hours=2))
    assert len(business_first(GRAPH, {}, [SHORT], [elsewhere, over], NOW)) == 1


def test_what_drives_a_load_explains_its_rise():
    calls = replace(SHORT, measure="support/calls")
    (alone,) = business_first(GRAPH, {}, [calls], [], NOW).values()
    assert alone.title == "Support: more than usual calls, and no alert"
    assert business_first(GRAPH, {}, [calls], [technical("checkout", SHORT.start)], NOW) == {}


def test_one_that_fired_only_after_it_was_over_explains_nothing_whenever_that_is_found_out():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    later = NOW + timedelta(hours=27)  # nobody has looked in between
    alert = technical("checkout", later - 5 * MINUTE)
    assert business_first(GRAPH, before, None, [alert], later) == before  # nothing is known yet
    over = replace(SHORT, end=NOW + 40 * MINUTE)
    again = replace(SHORT, start=later - 4 * MINUTE)
    (ended,) = business_first(GRAPH, before, [again, over], [alert], later).values()
    assert (ended.started_at, ended.ended_at) == (SHORT.start, NOW + 40 * MINUTE)


def test_a_later_shortfall_does_not_go_on_with_one_of_which_nothing_is_to_be_seen():
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    later = NOW + timedelta(hours=27)
    again = replace(SHORT, start=later - 30 * MINUTE)
    alert = technical("checkout", later - 5 * MINUTE)
    (ended,) = business_first(GRAPH, before, [again], [alert], later).values()
    assert (ended.started_at, ended.ended_at) == (SHORT.start, later)
    assert len(business_first(GRAPH, before, [again], [], later)) == 2


def test_signals_that_had_cleared_before_it_turned_red_explain_nothing():
    over = technical("checkout", SHORT.start - timedelta(hours=1), SHORT.start - 10 * MINUTE)
    assert len(business_first(GRAPH, {}, [SHORT], [over], NOW)) == 1


def test_it_lasts_while_any_of_its_measures_is_red():
    carts = replace(SHORT, measure="checkout/carts", start=SHORT.start + MINUTE)
    before = business_first(GRAPH, {}, [SHORT, carts], [], NOW)
    back = replace(carts, end=NOW)
    (incident,) = business_first(GRAPH, before, [SHORT, back], [], NOW + MINUTE).values()
    assert incident.ended_at is None


def test_one_that_is_known_goes_on_below_the_bars_but_none_opens():
    shallow = replace(SHORT, beyond=0.5)
    assert business_first(GRAPH, {}, [shallow], [], NOW) == {}
    before = business_first(GRAPH, {}, [SHORT], [], NOW)
    assert business_first(GRAPH, before, [shallow], [], NOW + MINUTE) == before


HALF_HOURS = st.integers(0, 60).map(lambda n: NOW + n * 30 * MINUTE)


@given(
    red=st.tuples(HALF_HOURS, st.integers(2, 20)),
    fired=st.tuples(HALF_HOURS, st.integers(1, 20)),
    first_tick=st.integers(0, 8),
    process=st.sampled_from(["checkout", "support"]),
)
def test_ticks_that_were_missed_make_no_difference(red, fired, first_tick, process):
    """Seen at every step, or (after it was opened) only once when all is over: the same."""
    start, end = red[0], red[0] + red[1] * 30 * MINUTE
    signal = technical(process, fired[0], fired[0] + fired[1] * 30 * MINUTE)

    def tick(before, now, register):
        shown = [replace(SHORT, start=start, end=end if end <= now else None)]
        heard = [replace(signal, ended_at=signal.ended_at if signal.ended_at <= now else None)]
        heard = heard if signal.started_at <= now else []
        # what was looked at and is explained is over for good (`api.assess.register`)
        alone = business_first(GRAPH, before, shown if start < now else [], heard, now)
        absorbed = {
            k: v if v.ended_at else replace(v, ended_at=now)
            for k, v in before.items()
            if k not in alone
        }
        register.append(alone)
        return {**absorbed, **alone}

    opened = start + (1 + first_tick % red[1]) * 30 * MINUTE
    known = tick({}, opened, [])
    last = max(end, signal.ended_at) + 6 * 30 * MINUTE
    often: list[dict[str, Incident]] = []
    seldom: list[dict[str, Incident]] = []
    now, before = opened, known
    while now < last:
        now += 30 * MINUTE
        before = tick(before, now, often)
    tick(known, last, seldom)
    assert often[-1] == seldom[-1]
