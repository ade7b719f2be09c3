"""How well signals are put together, by scenario: `python -m tests.bench.grouping`."""

from __future__ import annotations

import random

from tests.enrich.groupings import (
    SCENARIOS,
    added_up,
    best_on_complete_layers,
    scored,
    two_outages_on_complete_layers,
)

SEEDS = 20
SLOW = (2, 3, 4, 5, 6, 8)  # minutes


def main() -> None:
    """Print precision and recall of pairs, and incidents made, by scenario; then what limits it."""
    print(f"{'scenario':<50}{'precision':>10}{'recall':>8}{'incidents per world':>21}")
    for name, scenario in SCENARIOS.items():
        seeds = 2 if "storm" in name else SEEDS
        score = scored(scenario, seeds)
        each = score.made / seeds
        print(f"{name:<50}{score.precision:>10.3f}{score.recall:>8.3f}{each:>21.1f}")
    print("\nTwo outages three minutes apart, each layer needs all of the next; symptoms come")
    print(f"{'up to':<12}{'precision':>10}{'recall':>8}{'at best':>17}{'':>8}")
    for slowest in SLOW:
        worlds = [
            two_outages_on_complete_layers(random.Random(n), slowest) for n in range(10 * SEEDS)
        ]
        best = added_up(best_on_complete_layers(world, slowest) for world in worlds)
        toll = added_up(world.score() for world in worlds)
        said = (
            f"{toll.precision:>10.3f}{toll.recall:>8.3f}{best.precision:>17.3f}{best.recall:>8.3f}"
        )
        print(f"{slowest} min later{said}")


if __name__ == "__main__":
    main()
