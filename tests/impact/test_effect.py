from datetime import timedelta

from impact.effect import effect_window
from tests.impact.arrays import at
from tests.impact.test_cusum import DAY, day


def test_an_outage_that_goes_on_has_no_end():
    window = effect_window(
        day(100.0, factor={range(600, 700): 0.0}, minutes=700), (at(603), None), at(700)
    )
    assert (window.end, window.red) == (None, True)
    assert window.start == at(600)  # three minutes before the first signal
    assert window.settling_until is None


def test_a_measure_that_turned_red_long_before_counts_from_half_an_hour_before():
    window = effect_window(
        day(100.0, factor={range(500, 700): 0.0}, minutes=700), (at(600), None), at(700)
    )
    assert window.start == at(570)


def test_or_from_when_the_business_alone_was_seen_to_be_short():
    window = effect_window(
        day(100.0, factor={range(500, 700): 0.0}, minutes=700),
        (at(600), None),
        at(700),
        red_since=at(505),
    )
    assert window.start == at(505)


def test_an_alert_that_never_resolves_does_not_keep_the_window_open():
    window = effect_window(day(100.0, factor={range(600, 630): 0.2}), (at(600), None), at(900))
    assert window.end == at(630)
    assert window.red is False


def test_an_effect_may_outlast_the_last_signal():
    window = effect_window(day(100.0, factor={range(600, 690): 0.2}), (at(600), at(620)), at(900))
    assert window.end == at(690)


def test_without_any_effect_the_window_is_the_technical_one():
    window = effect_window(day(100.0), (at(600), at(630)), at(900))
    assert (window.start, window.end) == (at(600), at(630))
    assert (window.red, window.ever_red) == (False, False)


def test_a_technical_window_is_open_while_it_is_ahead_of_the_data():
    assert effect_window(day(100.0), (at(600), at(640)), at(620)).end is None


def test_a_thin_series_cannot_tell():
    assert effect_window(day(0.2), (at(600), at(630)), at(700)).red is None


def test_settling_lasts_as_long_as_the_surplus():
    watched = day(100.0, factor={range(600, 660): 0.0, range(660, 840): 1.3})
    window = effect_window(watched, (at(600), at(660)), at(DAY))
    assert window.settling_until is not None
    assert abs(window.settling_until - at(840)) <= timedelta(minutes=5)


def test_settling_ends_after_a_while_without_any_surplus():
    window = effect_window(day(100.0, factor={range(600, 660): 0.0}), (at(600), at(660)), at(DAY))
    assert window.settling_until == at(660 + 12 * 60)
