"""The shop as it goes on: lines of a small interval, and simulated time at any speed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from api.demo.render import keys, lines
from api.demo.world import STREAMS, Events


class Line(NamedTuple):
    """One event ready to be sent: its stream, the key of its record, and its JSON."""

    stream: str
    key: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Pace:
    """Simulated time: `speed` simulated seconds pass in one real second since `real_start`."""

    real_start: datetime
    simulated_start: datetime
    speed: float = 1.0

    def simulated(self, real_now: datetime) -> datetime:
        """What time it is in the simulated shop."""
        return self.simulated_start + (real_now - self.real_start) * self.speed


def live_lines(events: Events) -> list[Line]:
    """Events as lines to be sent, in order."""
    streams = [STREAMS[code] for code in events["stream"].tolist()]
    bodies = (line.encode() for line in lines(events))
    return [Line(*row) for row in zip(streams, keys(events), bodies, strict=True)]
