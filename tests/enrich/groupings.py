"""Scenarios whose truth is known, to score the grouping of signals into incidents.

Every firing belongs to one real incident, by name; noise belongs to nothing but itself. Scores are
of pairs: two firings are a pair when they are in one incident.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

from enrich.graph import Graph
from enrich.incident import Episode
from enrich.model import BusinessMap
from ingest.events import Signal
from tests.enrich.signals import NOON, incidents, shop, signal

Key = tuple[str, float]  # fingerprint, start as a timestamp
WEEK, YEAR = 7 * 1440, 365 * 1440  # minutes
APART = 3  # minutes between two outages on complete layers


class Score(NamedTuple):
    """Pairs found rightly, pairs found, pairs there are; and how many incidents were made."""

    right: int
    said: int
    real: int
    made: int

    @property
    def precision(self) -> float:
        return self.right / self.said if self.said else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.real if self.real else 1.0


@dataclass
class World:
    """Signals over a map, and which real incident each firing belongs to."""

    map: BusinessMap
    rng: random.Random
    said: list[Signal] = field(default_factory=list)
    truth: dict[Key, str] = field(default_factory=dict)
    until: float = WEEK

    def fire(
        self, node: str, start: float, length: float | None, real: str, alert: str = "Down"
    ) -> None:
        """One firing that ends after `length` minutes, or never."""
        self.say(signal(node, start, alert=alert), real)
        if length is not None:
            self.said.append(signal(node, start, start + length, alert=alert))

    def say(self, told: Signal, real: str) -> None:
        self.truth[told.fingerprint, told.started_at.timestamp()] = real
        self.said.append(told)

    def outage(self, real: str, root: str, start: float, length: float, share: float = 0.7) -> None:
        """The root fails, and what needs it is seen to fail within minutes."""
        graph = Graph(self.map)
        self.fire(root, start, length, real)
        for node in graph.order(graph.above(root)):
            if node in self.map.nodes and self.rng.random() < share:
                self.fire(node, start + self.rng.triangular(-1, 8, 1.5), length, real, "Errors")

    def score(self) -> Score:
        self.rng.shuffle(self.said)
        found = incidents(self.said, self.map, self.until)
        return self.scored([[_key(e) for e in incident.episodes] for incident in found])

    def scored(self, groups: Sequence[Sequence[Key]]) -> Score:
        """The score of the firings put together so."""
        real: dict[str, list[Key]] = {}
        for key, name in self.truth.items():
            real.setdefault(name, []).append(key)
        right = sum(_pairs_within(Counter(self.truth[k] for k in g).values()) for g in groups)
        return Score(
            right,
            _pairs_within(len(g) for g in groups),
            _pairs_within(len(g) for g in real.values()),
            len(groups),
        )


def _key(episode: Episode) -> Key:
    return episode.fingerprint, episode.started_at.timestamp()


def _pairs_within(sizes: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)


def connected() -> BusinessMap:
    """Six teams' services over their own applications and stores; all of them need the network."""
    needs: dict[str, list[str]] = {"checkout": [f"service-{n}" for n in range(6)]}
    for n in range(6):
        needs[f"service-{n}"] = [f"app-{n}a", f"app-{n}b", "network"]
        for app in (f"app-{n}a", f"app-{n}b"):
            needs[app] = [f"store-{n}", "network"]
        needs[f"store-{n}"] = ["network"]
    return shop(needs)


def layered(rng: random.Random) -> BusinessMap:
    """8 processes over 30 services, 50 applications and 40 pieces of infrastructure."""
    layers = [("p", 8), ("s", 30), ("a", 50), ("i", 40)]
    needs: dict[str, list[str]] = {}
    for (upper, size), (lower, width) in pairwise(layers):
        for n in range(size):
            needs[f"{upper}{n}"] = [f"{lower}{m}" for m in rng.sample(range(width), 2)]
    return shop(needs, [f"p{n}" for n in range(8)])


def two_outages_three_minutes_apart(rng: random.Random) -> World:
    world = World(connected(), rng)
    first, second = rng.sample(range(6), 2)
    world.outage("first", f"store-{first}", 0, 40)
    world.outage("second", f"store-{second}", 3, 40)
    return world


def same_alert_in_march_and_november(rng: random.Random) -> World:
    world = World(connected(), rng, until=YEAR)
    for name, start in (("march", 0), ("november", 245 * 1440)):
        world.outage(name, "store-2", start + rng.uniform(0, 60), 30)
    return world


def week_of_noise(rng: random.Random) -> World:
    """Single signals that mean nothing, beside ten real outages."""
    world = World(layered(rng), rng, until=WEEK + 1440)
    nodes = list(world.map.nodes)
    for n in range(10):
        world.outage(f"outage {n}", rng.choice(nodes), rng.uniform(0, WEEK), rng.uniform(10, 90))
    for n in range(150):
        alert = f"Noise{n}"  # nobody's flapping: each stands for itself
        at = rng.uniform(0, WEEK)
        world.fire(rng.choice(nodes), at, rng.uniform(1, 30), f"noise {n}", alert)
    return world


def resolved_before_firing(rng: random.Random) -> World:
    """Every `resolved` is heard minutes before its `firing`."""
    world = two_outages_three_minutes_apart(rng)
    late = timedelta(minutes=5)
    world.said = [
        Signal(
            **{name: getattr(s, name) for name in Signal.__slots__}
            | {"received_at": s.started_at + (late if s.status == "firing" else timedelta(0))}
        )
        for s in world.said
    ]
    return world


def never_resolved(rng: random.Random) -> World:
    """An alert that nobody resolves; other outages come while it fires, and after it went stale."""
    world = World(connected(), rng)
    world.fire("store-0", 0, None, "stuck")
    for n, start in enumerate((45, 180, 1000), 1):
        world.outage(f"outage {n}", f"store-{n}", start, 30)
    return world


def flapping(rng: random.Random) -> World:
    world = World(connected(), rng)
    for n in range(60):
        world.fire("store-3", n * 6 + rng.uniform(0, 2), rng.uniform(1, 3), "one")
        if n % 3 == 0:
            world.fire("app-3a", n * 6 + rng.uniform(0, 2), 3, "one", "Errors")
    world.outage("another", "store-4", 100, 30)
    return world


def alert_storm(rng: random.Random) -> World:
    """5,000 signals a minute for two minutes, from everything above one node."""
    world = World(connected(), rng)
    world.fire("network", 0, 30, "storm")
    nodes = [n for n in world.map.nodes if n != "network"]
    for n in range(5000):
        at = rng.uniform(0, 2)
        world.fire(rng.choice(nodes), at, rng.uniform(5, 20), "storm", f"Alert{n}")
    return world


def clock_skew(rng: random.Random) -> World:
    """The clocks of the sources are up to four minutes apart."""
    world = World(connected(), rng)
    skew = {f"Check{k}": rng.uniform(-2, 2) for k in range(3)}
    for name, root, start in (("first", "store-1", 0.0), ("second", "store-5", 70.0)):
        graph = Graph(world.map)
        for node in [root, *graph.order(graph.above(root))]:
            if node in world.map.nodes:
                alert = rng.choice(list(skew))
                world.fire(node, start + rng.uniform(0, 3) + skew[alert], 30, name, alert)
    return world


def two_outages_on_complete_layers(rng: random.Random, slowest: float = 4) -> World:
    """Every service needs every application, these every store: each symptom fits both causes.

    Only the time tells whose a symptom is: it comes up to `slowest` minutes after its cause.
    """
    needs = {"checkout": [f"service-{n}" for n in range(5)]}
    for n in range(5):
        needs[f"service-{n}"] = [f"app-{m}" for m in range(5)]
        needs[f"app-{n}"] = [f"store-{m}" for m in range(5)]
    world = World(shop(needs), rng)
    first, second = rng.sample(range(5), 2)
    world.fire(f"store-{first}", 0, 40, "first")
    world.fire(f"store-{second}", APART, 40, "second")
    for node in world.map.nodes:
        if not node.startswith("store"):
            name = rng.choice(("first", "second"))
            start = APART if name == "second" else 0
            delay = rng.triangular(0, slowest, slowest / 5)
            world.fire(node, start + delay, 40, name, "Errors")
    return world


def best_on_complete_layers(world: World, slowest: float) -> Score:
    """What one would reach there who knew which delays are how likely, and the two causes.

    Whoever knows nothing else of a signal than its node and its time can do no better than to take
    the likelier cause. Toll knows less: neither how slow symptoms are nor how many causes.
    """
    mode, groups = slowest / 5, {"first": list[Key](), "second": list[Key]()}
    for key, real in world.truth.items():
        after = (key[1] - NOON.timestamp()) / 60
        likely = [_triangular(after - begun, slowest, mode) for begun in (0, APART)]
        guess = "first" if likely[0] >= likely[1] else "second"
        groups[real if key[0].startswith("Down") else guess].append(key)
    return world.scored(list(groups.values()))


def _triangular(x: float, high: float, mode: float) -> float:
    """The density of `random.triangular(0, high, mode)`."""
    if not 0 < x < high:
        return 0.0
    return 2 * (x / mode if x < mode else (high - x) / (high - mode)) / high


SCENARIOS: Mapping[str, Callable[[random.Random], World]] = {
    "two outages three minutes apart, all connected": two_outages_three_minutes_apart,
    "the same, each layer needs all of the next": two_outages_on_complete_layers,
    "the same alert in March and in November": same_alert_in_march_and_november,
    "a week of background noise, ten outages": week_of_noise,
    "resolved is heard before firing": resolved_before_firing,
    "an alert that never resolves": never_resolved,
    "a flapping alert": flapping,
    "a storm of 5,000 signals a minute": alert_storm,
    "clocks minutes apart": clock_skew,
}


def scored(scenario: Callable[[random.Random], World], seeds: int) -> Score:
    """A scenario's score, added up over some worlds of it."""
    return added_up(scenario(random.Random(seed)).score() for seed in range(seeds))


def added_up(scores: Iterable[Score]) -> Score:
    """The score of several worlds."""
    return Score(*(sum(column) for column in zip(*scores, strict=True)))
