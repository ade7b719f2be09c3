"""Signals that no node claims: what coverage lists, and the weekly report counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from enrich.resolve import Resolver
from ingest.events import ABOUT_LABELS, Signal


def unmatched(signals: Sequence[Signal], resolver: Resolver) -> list[Signal]:
    """Those that a node could be found by, and those that say what fires without a single label.

    A statement that only names an alert it ends or acknowledges has nothing to match, nor has one
    that tells of simulated data.
    """
    labelled = {(s.source, s.fingerprint) for s in signals if s.labels}

    def tells(signal: Signal) -> bool:
        nameless = (signal.source, signal.fingerprint) not in labelled
        return bool(signal.labels.keys() - ABOUT_LABELS) or (signal.status == "firing" and nameless)

    return [s for s in signals if tells(s) and not resolver.nodes(s.labels)]
