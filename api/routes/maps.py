"""The map over time, what on it is a risk, and where it disagrees with what happened."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from api import words
from api.ask.live import standing
from api.ask.map_difference import Difference, difference
from api.ask.outlook import Outlook
from api.ask.risks import single_points
from api.charts.map_picture import Paper, State, around, map_svg
from api.http import problems, schemas
from api.http.auth import Reading
from api.http.present import present_sum
from api.http.state import state_of
from api.run.wiring import Parts
from api.setup.mapfiles import LoadedMap, plainly_named, read_kept
from enrich.graph import Graph
from enrich.mapdiff import diff
from enrich.risks import NearMiss
from impact.mapgaps import Evidence, GapKind, map_gaps
from ingest.errors import InputError, NotFoundError
from store.maps import MapVersion
from store.rows import EARLIEST

router = APIRouter(tags=["map"])
LARGE = 1_000_000  # characters of a map that takes seconds to read


class Svg(Response):
    """A picture."""

    media_type = "image/svg+xml"


class Version(BaseModel):
    """One version of the map and since when it holds."""

    version: str = Field(description="Hash of its content.", examples=["a5896613b4f54d01"])
    valid_from: schemas.Utc = Field(description="The first one holds for all time before, too.")
    in_force: bool
    processes: int | None = Field(
        description="null: too large to be read for a list, or written for an older Toll."
    )
    nodes: int | None
    changes: int | None = Field(description="Things that differ from the version before.")


class MapFiles(BaseModel):
    """What a map was read from."""

    version: str
    files: dict[str, str] = Field(
        description="Name -> text.", examples=[{"map.yaml": "company: Example Shop"}]
    )


class RiskProcess(BaseModel):
    """A process that the loss hits."""

    process: str
    title: str
    severity: float = Field(description="1: it stops.", examples=[1.0])


class Risk(BaseModel):
    """A node whose loss stops a process, or leaves too little of it."""

    node: str
    title: str
    layer: str
    owner: str
    processes: list[RiskProcess] = Field(description="Worst first.")
    hour_now: schemas.Sum | None = Field(
        description="What an hour without it costs now; null where nothing is counted by the hour."
    )
    hour_peak: schemas.Sum | None = Field(description="And at the peak of the week.")
    not_counted: list[str] = Field(description="Measures left out, and why.")
    peak: str = Field(examples=["Sat 20:00"])


class Group(BaseModel):
    """Nodes that look redundant and are not."""

    owner: str
    needed: int
    of: list[str]
    why: str = Field(description="no_spare: all are needed. shared: one node beneath takes them.")
    shared: str = Field(description="That node, or empty.")
    words: str


class Risks(BaseModel):
    """Single points of failure, the dearest first."""

    total: int = Field(description="How many there are; `risks` may be cut short.")
    risks: list[Risk]
    near_misses: list[Group]


class GapEvidence(BaseModel):
    """An incident that speaks against the map."""

    incident: str
    title: str
    started_at: schemas.Utc
    predicted: float = Field(description="Severity that the map predicted, 0 to 1.")
    beside: str = Field(description="The technical incident at that time, or empty.")


class Gap(BaseModel):
    """One disagreement between the map and what happened."""

    kind: GapKind
    process: str
    node: str = Field(description="Empty where nothing on the map was in trouble.")
    evidence: list[GapEvidence]
    agreed: int = Field(description="Incidents in which the process did as the map says.")
    words: str


@router.get(
    "/v1/map/history",
    summary="Every version of the map, newest first",
    responses=problems.responses(401, 403, 422, 503),
)
def get_history(
    request: Request,
    _: Reading,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 50,
) -> list[Version]:
    """A version is the hash of what a map says; it holds from when it was taken into use."""
    parts = state_of(request).parts
    versions = parts.store.maps.all()
    first = max(0, len(versions) - limit)
    found, before = [], _at_hand(parts, versions[first - 1]) if first else None
    for number, version in enumerate(versions[first:], first):
        loaded = _at_hand(parts, version)
        compared = None if before is None or loaded is None else diff(before.graph, loaded.graph)
        found.append(
            Version(
                version=version.version,
                valid_from=version.valid_from,
                in_force=version.version == parts.map.map.version and number == len(versions) - 1,
                processes=len(loaded.map.processes) if loaded else None,
                nodes=len(loaded.map.nodes) if loaded else None,
                changes=None if compared is None else len(compared.changes),
            )
        )
        before = loaded
    return found[::-1]


@router.get(
    "/v1/map/diff",
    summary="What changed between two versions of the map, and what that does to reach",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_diff(
    request: Request,
    _: Reading,
    before: Annotated[
        str | None, Query(description="A version or how it begins; by default the one before.")
    ] = None,
    after: Annotated[str | None, Query(description="By default the map in force.")] = None,
) -> Difference:
    """Nodes, needs, measures and owners; which processes now depend on what."""
    parts = state_of(request).parts
    versions = parts.store.maps.all()
    newer = _chosen(parts, versions, after) if after else parts.map
    if before:
        older = _chosen(parts, versions, before)
    else:
        older = _readable(parts, _one_before(versions, newer.map.version))
    return difference(older, newer)


@router.get(
    "/v1/map/files",
    summary="The files of a version of the map, as they were written",
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_files(
    request: Request,
    _: Reading,
    version: Annotated[
        str | None, Query(description="A version or how it begins; by default the one in force.")
    ] = None,
) -> MapFiles:
    """To have an old map back, or to compare one that is still being written with it."""
    parts = state_of(request).parts
    found = _chosen(parts, parts.store.maps.all(), version) if version else parts.map
    return MapFiles(version=found.map.version, files=plainly_named(found.texts))


@router.get(
    "/v1/map/risks",
    summary="Single points of failure with what they carry, and groups that only look redundant",
    responses=problems.responses(401, 403, 422, 503),
)
def get_risks(
    request: Request,
    _: Reading,
    below: Annotated[
        float,
        Query(ge=0, le=1, description="List what leaves a process with less than this share."),
    ] = 0.5,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many nodes.")] = 50,
) -> Risks:
    """Every node is lost once, alone and completely; sorted by what an hour without it costs."""
    state = state_of(request)
    loaded, outlook = state.parts.map, state.outlook()
    found = single_points(loaded, outlook, below)
    return Risks(
        total=len(found),
        risks=[_risk(loaded, outlook, *one) for one in islice(found.items(), limit)],
        near_misses=[_group(loaded.graph, miss) for miss in loaded.losses.near_misses[:limit]],
    )


@router.get(
    "/v1/map/gaps",
    summary="Where the map and life disagree, with incidents as evidence",
    responses=problems.responses(401, 403, 422, 503),
)
def get_gaps(
    request: Request,
    _: Reading,
    start: Annotated[
        schemas.Moment | None, Query(alias="from", description="By default since ever.")
    ] = None,
) -> list[Gap]:
    """Processes that fell while the map said they would not, and the reverse."""
    parts = state_of(request).parts
    versions = parts.store.incidents.find(start=start or EARLIEST)
    incidents = [v.incident for v in versions]
    impacts = parts.store.estimates.latest([i.id for i in incidents])
    return [
        Gap(
            kind=gap.kind,
            process=gap.process,
            node=gap.node,
            evidence=[_evidence(e) for e in gap.evidence],
            agreed=gap.agreed,
            words=gap.words,
        )
        for gap in map_gaps(parts.map.graph, incidents, impacts)
    ]


@router.get(
    "/v1/map.svg",
    summary="A picture of the map, columns by layer",
    response_class=Svg,
    responses=problems.responses(401, 403, 404, 422, 503),
)
def get_picture(
    request: Request,
    _: Reading,
    around_: Annotated[
        str | None,
        Query(alias="around", description="Only what one process or node needs and reaches."),
    ] = None,
    live: Annotated[bool, Query(description="With what is in trouble now.")] = False,
    theme: Annotated[Paper, Query(description="auto: as the reader's screen.")] = "auto",
) -> Svg:
    """Text is text, everything has a name, and redundancy is marked as `1 of 2`."""
    parts = state_of(request).parts
    graph = parts.map.graph
    names = around(graph, around_) if around_ is not None else None
    state = None
    if live:
        now = standing(parts, datetime.now(UTC))
        state = State(now.effective, now.own, now.red)
    return Svg(map_svg(graph, names, state, theme))


def _evidence(evidence: Evidence) -> GapEvidence:
    return GapEvidence(
        incident=evidence.incident.id,
        title=evidence.incident.title,
        started_at=evidence.incident.started_at,
        predicted=round(evidence.severity, 4),
        beside=evidence.beside.id if evidence.beside is not None else "",
    )


def _risk(loaded: LoadedMap, outlook: Outlook, name: str, hit: Mapping[str, float]) -> Risk:
    node = loaded.map.nodes[name]
    cost = outlook.cost(name, loaded.losses.severity[name], datetime.now(UTC))
    hour_now, hour_peak = cost.worth(cost.now), cost.worth(cost.peak)
    return Risk(
        node=name,
        title=node.title,
        layer=node.layer,
        owner=node.owner,
        processes=[
            RiskProcess(process=p, title=loaded.map.processes[p].title, severity=round(severity, 4))
            for p, severity in sorted(hit.items(), key=lambda item: -item[1])
        ],
        hour_now=None if hour_now is None else present_sum(hour_now),
        hour_peak=None if hour_peak is None else present_sum(hour_peak),
        peak=words.slot(cost.peak.hour),
        not_counted=list(cost.not_counted),
    )


def _group(graph: Graph, miss: NearMiss) -> Group:
    owner, members = graph.thing(miss.owner).title, [graph.thing(n).title for n in miss.of]
    if miss.why == "no_spare":
        said = f"{owner} needs all of {', '.join(members)}: none can be spared"
    else:
        shared = graph.thing(miss.shared).title
        said = f"{owner} has a choice of {', '.join(members)}, and all hang on {shared}"
    return Group(
        owner=miss.owner,
        needed=miss.needed,
        of=list(miss.of),
        why=miss.why,
        shared=miss.shared,
        words=said,
    )


def _at_hand(parts: Parts, version: MapVersion) -> LoadedMap | None:
    """A version that is read at once."""
    return _loaded(parts, version) if len(version.content) < LARGE else None


def _loaded(parts: Parts, version: MapVersion) -> LoadedMap | None:
    return parts.map if version.version == parts.map.map.version else read_kept(version)


def _readable(parts: Parts, version: MapVersion) -> LoadedMap:
    found = _loaded(parts, version)
    if found is None:
        raise NotFoundError(f"map version {version.version} cannot be read by this Toll any more")
    return found


def _chosen(parts: Parts, versions: list[MapVersion], text: str) -> LoadedMap:
    found = {v.version: v for v in versions if v.version.startswith(text)}
    if len(found) > 1:
        raise InputError(f"several versions of the map begin with '{text}': {', '.join(found)}")
    if not found:
        raise NotFoundError(f"no version of the map begins with '{text}'; `toll map history`")
    return _readable(parts, next(iter(found.values())))


def _one_before(versions: list[MapVersion], version: str) -> MapVersion:
    last = max((i for i, v in enumerate(versions) if v.version == version), default=len(versions))
    if last == 0 or not versions:
        raise NotFoundError("there is no version of the map before this one")
    return versions[last - 1]
