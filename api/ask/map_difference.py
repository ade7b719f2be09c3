"""From one map to another, as HTTP and commands tell it."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.setup.mapfiles import LoadedMap
from enrich.mapdiff import How, diff


class MapChange(BaseModel):
    """One thing that was added, removed or changed."""

    how: How
    thing: str = Field(description="setting, process, measure, or the layer of a node.")
    name: str = Field(examples=["payment"])
    words: list[str] = Field(examples=[["needs: now {any: [stripe, adyen]}"]])


class MapDependence(BaseModel):
    """What a process has come to depend on, directly or not, and what it no longer does."""

    process: str
    gained: list[str]
    lost: list[str]


class MapEffect(BaseModel):
    """How badly the loss of one node hits a process, 0 to 1."""

    node: str
    process: str
    before: float
    now: float


class Difference(BaseModel):
    """From one version of the map to another."""

    before: str
    after: str
    changes: list[MapChange]
    dependences: list[MapDependence]
    effects: list[MapEffect]


def difference(before: LoadedMap, after: LoadedMap) -> Difference:
    """What changed, and what that does to reach."""
    found = diff(before.graph, after.graph)
    return Difference(
        before=before.map.version,
        after=after.map.version,
        changes=[
            MapChange(how=c.how, thing=c.thing, name=c.name, words=list(c.words))
            for c in found.changes
        ],
        dependences=[
            MapDependence(process=d.process, gained=list(d.gained), lost=list(d.lost))
            for d in found.dependences
        ],
        effects=[
            MapEffect(
                node=e.node, process=e.process, before=round(e.before, 4), now=round(e.now, 4)
            )
            for e in found.effects
        ],
    )
