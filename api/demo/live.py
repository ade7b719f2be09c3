"""The shop as it goes on: the events of a small interval as lines to be sent."""

from __future__ import annotations

from typing import NamedTuple

from api.demo.render import keys, lines
from api.demo.world import STREAMS, Events


class Line(NamedTuple):
    """One event ready to be sent: its stream, the key of its record, and its JSON."""

    stream: str
    key: str
    body: bytes


def live_lines(events: Events) -> list[Line]:
    """Events as lines to be sent, in order."""
    streams = [STREAMS[code] for code in events["stream"].tolist()]
    bodies = (line.encode() for line in lines(events))
    return [Line(*row) for row in zip(streams, keys(events), bodies, strict=True)]
