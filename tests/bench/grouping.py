"""How well signals are put together, by scenario: `python -m tests.bench.grouping`."""

from __future__ import annotations

from tests.enrich.groupings import SCENARIOS, scored, two_outages_on_complete_layers

SEEDS = 20


def main() -> None:
    """Print precision and recall of pairs, and incidents made, per scenario."""
    print(f"{'scenario':<50}{'precision':>10}{'recall':>8}{'incidents per world':>21}")
    hopeless = {"two outages, symptoms fit both alike": two_outages_on_complete_layers}
    for name, scenario in {**SCENARIOS, **hopeless}.items():
        seeds = 2 if "storm" in name else SEEDS
        score = scored(scenario, seeds)
        each = score.made / seeds
        print(f"{name:<50}{score.precision:>10.3f}{score.recall:>8.3f}{each:>21.1f}")


if __name__ == "__main__":
    main()
