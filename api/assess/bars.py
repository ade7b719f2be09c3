"""The bars of business-first incidents, kept in the store: for the next start, and for readers.

They are one fact about the store, replaced whenever they are learned anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import orjson

from impact.vigil import WINDOWS_S, Noise, Vigil
from store.store import Store

FACT = "business_first"


@dataclass(frozen=True)
class KeptBars:
    """Bars with the moment they were learned."""

    vigil: Vigil
    learned_at: datetime


def keep_bars(store: Store, vigil: Vigil, now: datetime) -> None:
    """Replace what was kept."""
    kept = {
        "learned_at": now.astimezone(UTC).isoformat(),
        "windows_s": list(WINDOWS_S),
        "factor": vigil.factor,
        "opened": vigil.opened,
        "allowed": vigil.allowed,
        "weeks": vigil.weeks,
        "measures": {
            name: {
                "bars": vigil.bars[name].tolist(),
                "phi": vigil.noises[name].phi,
                "spread": vigil.noises[name].spread,
            }
            for name in vigil.bars
        },
    }
    store.set_meta(FACT, orjson.dumps(kept).decode())


def kept_bars(store: Store) -> KeptBars | None:
    """What was kept; None where nothing was, or where it was learned for other windows."""
    text = store.meta(FACT)
    if not text:
        return None
    kept = orjson.loads(text)
    if tuple(kept["windows_s"]) != WINDOWS_S:
        return None
    measures = kept["measures"]
    vigil = Vigil(
        bars={name: np.array(m["bars"]) for name, m in measures.items()},
        noises={name: Noise(m["phi"], m["spread"]) for name, m in measures.items()},
        factor=kept["factor"],
        opened=kept["opened"],
        allowed=kept["allowed"],
        weeks=kept["weeks"],
    )
    return KeptBars(vigil, datetime.fromisoformat(kept["learned_at"]))
