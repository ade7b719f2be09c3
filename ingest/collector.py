"""How often Python looks for cyclic garbage, in a process that reads a busy log."""

from __future__ import annotations

import gc

_YOUNG = 100_000  # objects made since the last look: several batches of records


def look_seldom() -> None:
    """Let the cyclic garbage collector look after batches of records instead of within each.

    A record is a tuple and no part of a cycle, but by default every 700 new ones make the
    collector visit all young objects, and now and then all there are: a third of the time of
    polling. Reference counting frees records as before. For the whole process, so for its start.
    """
    gc.collect()
    gc.freeze()  # modules and what else is there from now on need no visit
    gc.set_threshold(_YOUNG, 20, 20)
