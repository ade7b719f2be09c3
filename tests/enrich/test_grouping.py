"""How well signals are grouped, against scenarios whose truth is known.

Precision and recall are of pairs: two signals are a pair when they are in one incident.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from enrich.graph import Graph
from enrich.incident import Incident
from enrich.model import BusinessMap
from ingest.events import Signal
from tests.enrich.groupings import SCENARIOS as SCENARIOS_OF_LIFE
from tests.enrich.groupings import (
    added_up,
    alert_storm,
    best_on_complete_layers,
    flapping,
    scored,
    two_outages_on_complete_layers,
)
from tests.enrich.signals import incidents, shop, signal

SCENARIOS = sorted((Path(__file__).parents[1] / "scenarios" / "incidents").glob("*.yaml"))

Key = tuple[str, float]  # fingerprint, start as a timestamp


class Case(NamedTuple):
    business_map: BusinessMap
    signals: list[Signal]
    truth: dict[Key, str]  # which real incident each firing belongs to
    roots: Mapping[str, str]


def key(thing: Any) -> Key:
    return thing.fingerprint, thing.started_at.timestamp()


def read(path: Path) -> Case:
    text = yaml.safe_load(path.read_text())
    said: list[Signal] = []
    truth: dict[Key, str] = {}
    for number, line in enumerate(text["signals"]):
        node, span, real, *more = line.split()
        options = dict(word.split("=") for word in more)
        labels = {"pager_incident": options.pop("pager")} if "pager" in options else {}
        start, _, end = span.partition("-")
        told = [signal(node, float(start), labels=labels, **options)]
        if end:
            told.append(signal(node, float(start), float(end), labels=labels, **options))
        said += told
        truth[key(told[0])] = f"noise {number}" if real == "-" else real
    business_map = shop(text["needs"], text.get("processes", ["checkout"]))
    return Case(business_map, said, truth, text["roots"])


def pairs(groups: Iterable[Iterable[Key]]) -> set[tuple[Key, Key]]:
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def by_truth(truth: Mapping[Key, str]) -> list[list[Key]]:
    return [[k for k, real in truth.items() if real == name] for name in set(truth.values())]


def score(found: Iterable[Incident], truth: Mapping[Key, str]) -> tuple[int, int, int]:
    """(pairs found rightly, pairs found, pairs there are)."""
    said = pairs([key(e) for e in i.episodes] for i in found)
    real = pairs(by_truth(truth))
    return len(said & real), len(said), len(real)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenario(path):
    case = read(path)
    found = incidents(case.signals, case.business_map)
    said = sorted(sorted(key(e) for e in i.episodes) for i in found)
    assert said == sorted(sorted(group) for group in by_truth(case.truth))
    for incident in found:
        real = case.truth[key(incident.episodes[0])]
        assert incident.root == case.roots.get(real, incident.root)


def simulated(seed: int) -> Case:
    """A week on a layered map: 40 outages that cascade upwards, and 150 signals of noise.

    Every outage begins at one node; what needs it alerts with probability 0.6, from two minutes
    before the cause is seen until nine after it, some of it again and again.
    """
    rng = random.Random(seed)
    layers = [("p", 8), ("s", 30), ("a", 50), ("i", 40)]
    needs: dict[str, list[str]] = {}
    for (upper, size), (lower, width) in pairwise(layers):
        for n in range(size):
            needs[f"{upper}{n}"] = [f"{lower}{m}" for m in rng.sample(range(width), 2)]
    business_map = shop(needs, [f"p{n}" for n in range(8)])
    graph, nodes = Graph(business_map), list(business_map.nodes)
    said: list[Signal] = []
    truth: dict[Key, str] = {}
    roots: dict[str, str] = {}

    def fire(node: str, start: float, length: float, real: str, alert: str) -> None:
        told = signal(node, start, alert=alert)
        if key(told) not in truth:
            truth[key(told)] = real
            said.extend([told, signal(node, start, start + length, alert=alert)])

    for n in range(40):
        root, start = rng.choice(nodes), rng.uniform(0, 7 * 1440)
        roots[f"outage {n}"] = root
        length = rng.uniform(10, 90)
        fire(root, start, length, f"outage {n}", "Down")
        for node in graph.order(graph.above(root)):
            if node in business_map.nodes and rng.random() < 0.6:
                first = start + rng.triangular(-2, 9, 2)
                for again in range(rng.choice((1, 1, 3))):
                    fire(node, first + again * 12, 8, f"outage {n}", "Errors")
    for n in range(150):
        fire(rng.choice(nodes), rng.uniform(0, 7 * 1440), rng.uniform(1, 60), f"noise {n}", "Disk")
    rng.shuffle(said)
    return Case(business_map, said, truth, roots)


def test_grouping_is_right_for_nine_pairs_in_ten():
    totals: Counter[str] = Counter()
    for seed in range(8):
        case = simulated(seed)
        found = incidents(case.signals, case.business_map, now=20_000)
        right, said, real = score(found, case.truth)
        totals.update(right=right, said=said, real=real)
        for incident in found:
            names = Counter(case.truth[key(e)] for e in incident.episodes)
            name, members = names.most_common(1)[0]
            if name in case.roots and members > 1:
                totals.update(rooted=incident.root == case.roots[name], incidents=1)
    assert totals["right"] / totals["said"] >= 0.9, totals  # precision
    assert totals["right"] / totals["real"] >= 0.9, totals  # recall
    assert totals["rooted"] / totals["incidents"] >= 0.9, totals


@pytest.mark.parametrize("name", SCENARIOS_OF_LIFE)
def test_precision_and_recall_of_a_scenario(name):
    score = scored(SCENARIOS_OF_LIFE[name], 1 if "storm" in name else 6)
    assert score.precision >= 0.9, score
    assert score.recall >= 0.9, score


@pytest.mark.parametrize(
    ("scenario", "incidents_made"),
    [(alert_storm, 1), (flapping, 2), (two_outages_on_complete_layers, 2)],
)
def test_how_many_incidents_a_scenario_makes(scenario, incidents_made):
    assert scored(scenario, 1).made == incidents_made


@pytest.mark.parametrize("slowest", [3, 4, 5, 8])
def test_where_every_symptom_fits_both_causes_hardly_anybody_could_do_better(slowest):
    """Slower symptoms than the outages are apart nobody can tell apart, by node and time alone."""
    worlds = [two_outages_on_complete_layers(random.Random(n), slowest) for n in range(40)]
    best = added_up(best_on_complete_layers(world, slowest) for world in worlds)
    toll = added_up(world.score() for world in worlds)
    assert toll.precision > best.precision - 0.08
    assert toll.recall > best.recall - 0.05
    assert toll.made == 2 * len(worlds), "the causes stay two"
    assert (best.precision < 0.9) == (slowest > 4)
