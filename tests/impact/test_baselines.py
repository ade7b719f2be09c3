import gc
import weakref
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import pytest

from enrich.model import Measure, Value
from impact.baselines import AT_ONCE, FILLED_EVERY, Baselines
from impact.watermark import Watermark, watermark
from tests.impact.arrays import ArrayReader, at, business_map, daily

DAYS = 35
PAYMENTS = Measure("checkout", "payments", "flow", "payments", value=Value("amount"))
MAP = business_map(PAYMENTS, Measure("app", "logins", "flow", "payments"))
NOW = at(days=DAYS - 1, hours=12)
FIVE = timedelta(minutes=5)


def reader(now=NOW) -> ArrayReader:
    counts = np.random.default_rng(0).poisson(daily(DAYS, 12.0)).astype(float)
    return ArrayReader({("payments", "ok"): (at(), counts)}, {"payments": {"EUR": 40.0}}, now=now)


def marks(source: ArrayReader):
    states = source.stream_states()
    return {name: watermark(state, source.now) for name, state in states.items()}


def fresh(source: ArrayReader) -> Baselines:
    baselines = Baselines(MAP, source, step=FIVE)
    baselines.refresh(source.now, marks(source), {})
    return baselines


def test_what_a_measure_usually_does():
    learned = fresh(reader()).learned(PAYMENTS)
    assert learned is not None
    assert learned.week[12] == pytest.approx(daily(1, 12.0)[720:780].sum(), rel=0.1)
    assert learned.amounts is not None
    assert learned.amounts.mean["EUR"][12] == pytest.approx(40.0)
    assert 1.0 <= learned.bins.phi < 1.5  # Poisson counts and a baseline of few weeks


def test_measures_with_the_same_rows_share_one_baseline():
    source = reader()
    baselines = Baselines(MAP, source, step=FIVE)
    assert baselines.refresh(NOW, marks(source), {}) == 1
    assert baselines.refresh(NOW, marks(source), {}) == 0
    assert baselines.refresh(NOW + timedelta(hours=1), marks(source), {}) == 1


def test_much_history_that_comes_later_is_learned_soon():
    source = reader()
    baselines = fresh(source)
    baselines.filled_in("payments", 700)
    assert baselines.refresh(NOW + FILLED_EVERY, marks(source), {}) == 0  # late events, perhaps
    baselines.filled_in("payments", 700)
    assert baselines.refresh(NOW + FILLED_EVERY / 2, marks(source), {}) == 0
    assert baselines.refresh(NOW + FILLED_EVERY, marks(source), {}) == 1
    assert baselines.refresh(NOW + 2 * FILLED_EVERY, marks(source), {}) == 0


def test_another_known_incident_makes_it_learn_again():
    source = reader()
    baselines = fresh(source)
    known = {"checkout/payments": ((at(days=20), at(days=20, hours=5)),)}
    assert baselines.refresh(NOW, marks(source), known) == 1
    learned = baselines.learned(PAYMENTS)
    assert learned is not None and len(learned.baseline.masked) == 1


def test_what_was_learned_without_windows_of_before_is_forgotten():
    source = reader()
    baselines = Baselines(MAP, source, step=FIVE)

    def learn(after: timedelta, day: int) -> None:
        known = {PAYMENTS.id: ((at(days=day), at(days=day, hours=2)),)}
        baselines.refresh(NOW + after, marks(source), known)

    learn(timedelta(0), 20)
    learned = baselines.learned(PAYMENTS)
    assert learned is not None
    spread = weakref.ref(learned.bins)
    del learned
    learn(timedelta(hours=1), 21)
    learn(timedelta(hours=25), 22)
    gc.collect()
    assert spread() is None


def test_what_is_frozen_stays_as_it_was_whatever_is_learned_and_read_later():
    source = reader()
    baselines = fresh(source)
    frozen, mark = baselines.frozen(), marks(source)["payments"]
    assert frozen.looked_at(PAYMENTS)
    window = (NOW - timedelta(hours=2), NOW)
    before = frozen.watched(PAYMENTS, *window, mark)
    learned = frozen.learned(PAYMENTS)
    source.streams["payments", "ok"][1][-2 * 1440 :] += 500
    known = {"checkout/payments": ((at(days=20), at(days=20, hours=5)),)}
    baselines.refresh(NOW + timedelta(hours=1), marks(source), known)
    baselines.update(NOW + timedelta(hours=1))
    after = frozen.watched(PAYMENTS, *window, mark)
    assert frozen.learned(PAYMENTS) is learned is not baselines.learned(PAYMENTS)
    assert before is not None and after is not None
    np.testing.assert_array_equal(before.actual, after.actual)
    np.testing.assert_array_equal(before.expected, after.expected)


def test_who_waits_is_told_of_each_that_is_learned_for_the_first_time():
    source, told = reader(), list[Mapping[str, Watermark]]()
    baselines = Baselines(MAP, source, step=FIVE, told=told.append)
    assert not baselines.looked_at(PAYMENTS)
    baselines.refresh(NOW, marks(source), {})
    assert told == [marks(source)]
    baselines.refresh(NOW + timedelta(hours=1), marks(source), {})
    assert len(told) == 1  # learned anew is nothing new


def test_a_tick_reads_what_is_new_and_what_came_late():
    source = reader()
    baselines = fresh(source)
    source.streams["payments", "ok"][1][(DAYS - 1) * 1440 + 700] += 1000  # 20 minutes ago
    source.now = NOW + timedelta(minutes=15)
    baselines.update(source.now)
    times, values = baselines.series(PAYMENTS, marks(source)["payments"])
    assert times[-1] == np.datetime64("2026-04-05T12:10")
    assert values[-7] > 1000


def test_bins_end_at_the_watermark():
    source = reader(now=NOW + timedelta(minutes=3))
    times, _ = fresh(source).series(PAYMENTS, marks(source)["payments"])
    assert times[-1] == np.datetime64("2026-04-05T11:55")


def test_the_level_of_the_hours_before_is_taken_over():
    source = reader()
    source.streams["payments", "ok"][1][-1440 - 720 :] *= 1.4  # a busy day and a half
    baselines = fresh(source)
    start = NOW - timedelta(hours=1)
    watched = baselines.watched(PAYMENTS, start, NOW, marks(source)["payments"])
    assert watched is not None
    assert watched.actual.sum() == pytest.approx(watched.expected.sum(), rel=0.05)


def test_an_hour_of_another_outage_is_not_the_new_level():
    source = reader()
    noon = (DAYS - 1) * 1440 + 720
    source.streams["payments", "ok"][1][noon - 180 : noon - 90] = 0.0
    start = NOW - timedelta(hours=1)
    watched = fresh(source).watched(PAYMENTS, start, NOW, marks(source)["payments"])
    assert watched is not None
    assert watched.actual[-12:].sum() == pytest.approx(watched.expected[-12:].sum(), rel=0.15)


def test_less_than_a_week_is_no_history():
    source = reader(now=at(days=5))
    assert fresh(source).learned(PAYMENTS) is None


def test_what_a_tick_computed_is_kept_while_nothing_changed():
    source = reader()
    baselines = fresh(source)
    made: list[int] = []

    def ask(state: int) -> int:
        def make() -> int:
            made.append(state)
            return state

        return baselines.kept("key", state, make)

    assert (ask(1), ask(1), made) == (1, 1, [1])
    baselines.update(NOW)  # the next tick
    assert (ask(1), ask(2), made) == (1, 2, [1, 2])
    baselines.update(NOW)
    baselines.update(NOW)  # not asked for during a whole tick: forgotten
    assert (ask(2), made) == (2, [1, 2, 2])


def test_beyond_its_fill_a_tick_makes_do_with_older_answers():
    baselines = fresh(reader())
    asked = AT_ONCE + 20

    def answers(state: int) -> list[int]:
        baselines.update(NOW)
        return [baselines.kept(n, state, lambda: state, waits=1) for n in range(asked)]

    assert answers(1) == [1] * asked  # what was never answered cannot wait
    assert answers(2) == [2] * AT_ONCE + [1] * 20
    assert answers(2) == [2] * asked
