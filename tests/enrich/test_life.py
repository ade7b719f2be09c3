import pytest

from enrich.life import settle, state_at, window
from tests.enrich.signals import at, incidents, put_together, shop, signal

MAP = shop({"checkout": ["db"]})


@pytest.mark.parametrize(
    ("ended", "now", "business_until", "state"),
    [
        (None, 0, None, "open"),
        (10, 9, None, "open"),  # its end was announced
        (10, 10, None, "recovering"),
        (10, 39, None, "recovering"),
        (10, 40, None, "settled"),
        (10, 40, 90, "recovering"),  # the orders are still catching up
        (10, 90, 90, "settled"),
        (10, 20, 15, "recovering"),  # may still be joined
    ],
)
def test_state(ended, now, business_until, state):
    end = None if ended is None else at(ended)
    until = None if business_until is None else at(business_until)
    assert state_at(end, at(now), until) == state


def test_settle_waits_for_the_business():
    [incident] = incidents([signal("db", 0, 10)], MAP, now=60)
    assert incident.state == "settled"
    assert settle(incident, at(60), at(120)).state == "recovering"
    assert settle(incident, at(120), at(120)).state == "settled"


def test_the_window_is_from_the_first_start_to_the_last_end():
    ended = put_together([signal("db", 0, 10), signal("db", 5, 30, alert="Slow")], MAP)
    assert window(ended, at(60)) == (at(0), at(30))
    assert window(ended, at(20)) == (at(0), None)
    open_ended = put_together([signal("db", 0, 10), signal("db", 5, alert="Slow")], MAP, 60)
    assert window(open_ended, at(60)) == (at(0), None)
