from dataclasses import replace

from enrich.graph import Graph
from enrich.incident import Episode
from enrich.model import BusinessMap, Hard, Measure, Node, Process
from enrich.severity import Predictor
from impact.games import CONCURRENT_MAX, game, independent, predicted_by, told_apart
from tests.impact.arrays import at, incident

PAYMENTS = Measure("checkout", "payments", "flow", "payments")
START = at(days=10)


def test_incidents_on_one_node_share_what_that_node_costs():
    episodes = [
        Episode(f"e{n}", "test", f"f{n}", "alert", "critical", {}, "", START, None, nodes=(node,))
        for n, node in enumerate(["db", "db", "cache"])
    ]
    incidents = [
        replace(incident(str(n), START, None, {"checkout": 1.0}), episodes=(e,))
        for n, e in enumerate(episodes)
    ]
    nodes = {n: Node(n, "infrastructure", n) for n in ("db", "cache")}
    process = Process("checkout", "Checkout", needs=(Hard("db"), Hard("cache")))
    where = BusinessMap("Example Shop", "EUR", "UTC", "v1", {"checkout": process}, nodes)
    v = predicted_by(Predictor(Graph(where), incidents))("checkout", incidents, None)
    assert v.tolist() == [0, 1, 1, 1, 1, 1, 1, 1]
    assert v.shape == independent("checkout", incidents).shape


def test_of_a_crowd_the_most_severe_are_told_apart():
    crowd = [incident(str(n), START, None, {"checkout": n / 20}) for n in range(15)]
    assert told_apart(independent, PAYMENTS, crowd).tolist() == list(range(3, 15))
    assert told_apart(independent, PAYMENTS, crowd[:CONCURRENT_MAX]).tolist() == list(range(12))


def test_a_load_is_driven_by_its_own_process_and_others_alike():
    calls = Measure("support", "calls", "load", "calls", driven_by=("checkout", "support"))
    one = incident("a", START, None, {"checkout": 0.5})
    assert game(independent, calls, [one]).tolist() == [0.0, 0.25]
