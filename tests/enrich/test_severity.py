from collections.abc import Mapping
from datetime import datetime
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.graph import Graph
from enrich.incident import Incident, lowest
from enrich.model import AtLeast, Soft
from enrich.propagate import severities
from enrich.severity import MOMENTS, Predictor, Severities
from tests.enrich.signals import at, incidents, put_together, shop, signal

MAP = shop(
    {
        "checkout": ["payment", "storefront", Soft("recommender", 0.2)],
        "support": ["crm"],
        "payment": [AtLeast(1, ("stripe", "adyen"))],
    },
    processes=("checkout", "support"),
)
GRAPH = Graph(MAP)


def worst(*said):
    found = Severities(GRAPH).worst(put_together(said, MAP)).severity
    return {process: round(value, 9) for process, value in found.items()}


def test_the_worst_is_by_severity_of_the_signals_and_the_map():
    assert worst(signal("storefront", 0, 9)) == {"checkout": 1.0}
    assert worst(signal("storefront", 0, 9, severity="major")) == {"checkout": 0.5}
    assert worst(signal("recommender", 0, 9)) == {"checkout": 0.2}
    assert worst(signal("stripe", 0, 9)) == {}


def test_failures_one_after_the_other_are_not_worse_than_each():
    assert worst(signal("stripe", 0, 10), signal("adyen", 10, 20)) == {}
    assert worst(signal("stripe", 0, 11), signal("adyen", 10, 20)) == {"checkout": 1.0}


def test_a_signal_that_ended_as_it_began_counts_for_its_moment():
    assert worst(signal("crm", 5), signal("crm", 5, 5)) == {"support": 1.0}


def test_the_worst_holds_for_each_process_apart():
    said = signal("storefront", 0, 9, severity="minor"), signal("crm", 20, 30)
    assert worst(*said) == {"checkout": 0.1, "support": 1.0}


def test_thousands_of_moments_are_pooled():
    said = [
        signal("crm", minute, minute + 0.5, availability=0.9 - minute / 3_200)
        for minute in range(MOMENTS * 5 + 1)
    ]
    assert worst(*said) == {"support": 0.5}


def test_severity_follows_the_signals_and_is_the_worst_while_none_fires():
    said = [
        signal("storefront", 0, 20, severity="minor"),
        signal("storefront", 5, 10, alert="Errors"),
        signal("storefront", 30, 40, severity="minor"),
    ]
    [incident] = incidents(said, MAP)
    v = Predictor(GRAPH, [incident])
    hit = [v.at([incident.id], at(m))["checkout"] for m in (-1, 0, 5, 9, 10, 20, 30, 40)]
    assert hit == pytest.approx([1, 0.1, 1, 1, 0.1, 1, 0.1, 1])


def test_two_incidents_together_can_do_what_neither_does():
    # They are two, since neither provider needs the other and twenty minutes lie between them.
    first, second = incidents([signal("stripe", 0, 60), signal("adyen", 20, 50)], MAP)
    v = Predictor(GRAPH, [first, second])
    assert v.at([], at(30)) == {}
    assert v.at([first.id], at(30)) == {}
    assert v.at([second.id], at(30)) == {}
    assert v.at([first.id, second.id], at(30)) == {"checkout": 1.0}


def test_an_incident_keeps_its_worst_when_none_of_its_signals_fires():
    said = [
        signal("crm", 0, 10, severity="major"),
        signal("crm", 8, 12, alert="Slow", severity="minor"),
        signal("crm", 20, 25, severity="minor"),
    ]
    [incident] = incidents(said, MAP)
    v = Predictor(GRAPH, [incident])
    found = {m: v.at([incident.id], at(m))["support"] for m in (-15, 5, 11, 40)}
    assert found == pytest.approx({-15: 0.5, 5: 0.5, 11: 0.1, 40: 0.5})


drawn = st.lists(
    st.builds(
        lambda node, start, length, severity: signal(
            node, float(start), float(start + length), severity=severity
        ),
        st.sampled_from(list(MAP.nodes)),
        st.integers(0, 200),
        st.integers(0, 60),
        st.sampled_from(["critical", "major", "minor"]),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(drawn, st.integers(-10, 300))
def test_more_incidents_never_predict_less(said, minute):
    found = incidents(said, MAP)
    v = Predictor(GRAPH, found)
    ids = [incident.id for incident in found][:4]
    for size in range(len(ids)):
        for some in combinations(ids, size):
            fewer = v.at(some, at(minute))
            for more in ids:
                together = v.at({*some, more}, at(minute))
                assert all(together.get(p, 0.0) >= s - 1e-12 for p, s in fewer.items())


def severities_at(incident: Incident, when: datetime) -> Mapping[str, float]:
    firing = (
        e
        for e in incident.episodes
        if e.started_at <= when and (e.ended_at is None or when < e.ended_at)
    )
    return severities(GRAPH, lowest(firing))


@settings(deadline=None)
@given(drawn)
def test_what_is_reached_is_as_bad_as_the_worst_start(said):
    for incident in incidents(said, MAP):
        lasting = all(e.ended_at > e.started_at for e in incident.episodes if e.ended_at)
        starts = [severities_at(incident, e.started_at) for e in incident.episodes]
        for reached in incident.reached:
            worst_start = max(hit.get(reached.process, 0.0) for hit in starts)
            assert reached.severity == pytest.approx(worst_start) or not lasting
