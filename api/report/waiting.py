"""Whether a week may be issued: what never changes must not be written in the middle of the work.

After an import, or while what came in during a stop is caught up with, numbers of the week are
still missing. Whoever asks then gets a provisional report, and a mail waits.
"""

from __future__ import annotations

from datetime import datetime

from api.assess.status import BACKLOG
from api.run.wiring import Parts


def waits_for(parts: Parts, end: datetime) -> str:
    """What a week that ended at `end` still waits for, as a clause; empty where nothing."""
    if any(at.lag > 0 and at.read_until < end for at in parts.store.progress()):
        return "what arrived during it is still being counted"
    if int(parts.store.meta(BACKLOG) or 0):
        return "past incidents are still being priced"
    return ""
