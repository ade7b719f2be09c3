"""The map as a picture with what is in trouble, what is a risk, and whom each thing reaches."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from api.ask import reading
from api.ask.live import Standing, standing
from api.charts.map_picture import MOST, around, map_svg
from api.charts.map_picture import State as Colours
from api.http import schemas
from api.http.auth import Reading
from api.http.state import State, state_of
from api.page.render import render
from api.routes.maps import get_gaps, get_history, get_risks
from api.routes.nodes import get_reach
from api.routes.processes import hour_costs
from enrich.explain import need_in_words, path_in_words, reach
from enrich.model import Node, Process
from enrich.suggest import did_you_mean
from ingest.errors import NotFoundError

router = APIRouter(include_in_schema=False)

_RISKS, _VERSIONS, _INCIDENTS = 12, 5, 10
_HALF = 0.5  # what leaves a process with less than this share is a risk
_LAYERS = ("service", "application", "infrastructure", "provider")


@router.get("/map", response_class=HTMLResponse)
def the_map(request: Request, caller: Reading) -> HTMLResponse:
    """Everything on it, with live state; risks; and where it disagrees with what happened."""
    state = state_of(request)
    now = standing(state.parts, datetime.now(UTC))
    business_map = state.parts.map.map
    return render(
        state,
        "map.html",
        picture=_picture(state, now, None, "map/"),
        most=MOST,
        standing=now,
        paths=_paths(state, now),
        processes=business_map.processes.values(),
        layers=[
            (layer, [n for n in business_map.nodes.values() if n.layer == layer])
            for layer in _LAYERS
        ],
        titles=business_map.title,
        risks=get_risks(request, caller, _HALF, _RISKS),
        gaps=get_gaps(request, caller, None),
        versions=get_history(request, caller, _VERSIONS),
        refused=state.map_refused(),
    )


@router.get("/map/{name}", response_class=HTMLResponse)
def thing(request: Request, caller: Reading, name: str) -> HTMLResponse:
    """One node or process: whom it reaches and by which path, what is left, what an hour costs."""
    state = state_of(request)
    graph = state.parts.map.graph
    if name not in graph.names:
        raise NotFoundError(
            f"nothing is called '{name}' on the map{did_you_mean(name, graph.names)}"
        )
    now = standing(state.parts, datetime.now(UTC))
    found = graph.thing(name)
    is_node = isinstance(found, Node)
    in_trouble = [node for node in now.own if node != name]
    return render(
        state,
        "map_thing.html",
        root="../",
        name=name,
        thing=found,
        layer=found.layer if isinstance(found, Node) else "process",
        picture=_picture(state, now, around(graph, name), ""),
        standing=now,
        needs=[need_in_words(graph, need) for need in found.needs],
        reach=get_reach(request, caller, name) if is_node else None,
        in_trouble=in_trouble,
        reach_now=reach(graph, name, now.own).words if is_node and in_trouble else (),
        hours=None if is_node else hour_costs(state.outlook().view().hours[name]),
        below=_below(state, name),
        titles=state.parts.map.map.title,
        incidents=_incidents(state, found),
    )


def _picture(state: State, now: Standing, names: set[str] | None, way: str) -> Markup | None:
    """The picture, whose boxes lead to their pages; None where it would be a wall."""
    graph = state.parts.map.graph
    if len(graph.names if names is None else names) > MOST:
        return None
    colours = Colours(now.effective, now.own, now.red)
    return Markup(map_svg(graph, names, colours, theme=None, link=lambda name: f"{way}{name}"))


def _paths(state: State, now: Standing) -> list[tuple[str, list[str]]]:
    """For each node that fires, the paths to the processes it reaches."""
    graph = state.parts.map.graph
    found = []
    for node in now.own:
        reached = graph.processes(node)
        ways = graph.paths_up(node, reached)
        found.append((node, [path_in_words(graph, ways[p]) for p in reached]))
    return found


def _below(state: State, name: str) -> list[tuple[str, list[str]]]:
    """(layer, names) of all that a thing hangs on."""
    nodes = state.parts.map.map.nodes.values()
    below = set(state.parts.map.graph.below(name))
    found = [
        (layer, [n.name for n in nodes if n.name in below and n.layer == layer])
        for layer in _LAYERS
    ]
    return [(layer, names) for layer, names in found if names]


def _incidents(state: State, thing: Node | Process) -> list[schemas.Incident]:
    """The newest that it was the cause of, or that reached it."""
    if isinstance(thing, Process):
        return reading.incidents(state.parts, process=thing.name, limit=_INCIDENTS)
    return reading.incidents(state.parts, root=thing.name, limit=_INCIDENTS)
