"""Reading a part of the log again, after an unclean stop.

Offsets are committed durably, but rows are written to the store without `fsync`, for speed: a power
cut may lose rows whose offsets were kept. The log, which is fsynced, still has them.
"""

from __future__ import annotations

import logging
from datetime import datetime

from ingest.log import Consumer
from ingest.times import to_ms

logger = logging.getLogger(__name__)


def go_back(consumer: Consumer, moment: datetime) -> bool:
    """Wind assigned partitions back to a moment; those that stand before it stay where they are.

    The offsets are committed at once, so that they hold whatever comes next: a rebalance that gives
    a partition to somebody else, or another power cut. False where nothing is assigned yet, or the
    log does not answer. Raises `UnavailableError` where it does not take the offsets.
    """
    mine = consumer.assigned()
    since = consumer.offsets_at(max(0, to_ms(moment)))
    positions = consumer.positions()
    if not mine or not mine <= since.keys() & positions.keys():
        return False
    back = {at: since[at] for at in mine if since[at] < positions[at]}
    consumer.commit(back)
    consumer.rewind(back)
    again = sum(positions[at] - since[at] for at in back)
    logger.warning(
        "the last stop was not clean: %d records since %s are read again, which changes nothing"
        " but what was lost",
        again,
        moment.isoformat(timespec="seconds"),
    )
    return True
