"""Single points of failure of the map, the dearest first. Pure but for the outlook it asks."""

from __future__ import annotations

from collections.abc import Mapping

from api.ask.outlook import Outlook
from api.setup.mapfiles import LoadedMap


def single_points(
    loaded: LoadedMap, outlook: Outlook, share: float
) -> dict[str, Mapping[str, float]]:
    """Nodes whose loss leaves a process less than `share`, and how badly each is hit, 0 to 1.

    First what costs most in the dearest hour of each process it hits; of what is not priced, first
    what hits most.
    """
    worth = {p: float(c.peak.money.mid) for p, c in outlook.view().hours.items()}

    def carries(node: str) -> tuple[float, float]:
        severity = loaded.losses.severity[node]
        return (
            sum(s * worth.get(p, 0.0) for p, s in severity.items()),
            sum(severity.values()),
        )

    hit = loaded.losses.below(share)
    return {node: hit[node] for node in sorted(hit, key=carries, reverse=True)}
