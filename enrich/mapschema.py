"""What a map file may say: reads the sections of one file into processes, nodes and settings.

Everything here looks at one place at a time. What takes the whole map to judge (unknown names,
cycles, money counted twice) is judged in `enrich.mapcheck`, from the references noted here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from yaml import Node

from enrich import amounts
from enrich.mapcosts import read_credits, shares
from enrich.mapmeasures import References, read_measure, title_of
from enrich.mapneeds import Reference, read_match, read_needs
from enrich.mapsettings import SETTINGS, Settings
from enrich.mapyaml import Entry, Source
from enrich.model import Credit, Layer, Measure, Process
from enrich.model import Node as MapNode

LAYERS: Mapping[str, Layer] = {
    "services": "service",
    "applications": "application",
    "infrastructure": "infrastructure",
    "providers": "provider",
}
SECTIONS = ("processes", *LAYERS)
PROCESS_KEYS = ("title", "owner", "needs", "measures", "promise", "credits")
NODE_KEYS = ("title", "owner", "needs", "match", "cost")
PROVIDER_KEYS = (*NODE_KEYS, "sla", "credits", "status_page")

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,199}")


_SECTION = re.compile(rf"^(?:{'|'.join((*SETTINGS, *SECTIONS))})[ \t]*:", re.MULTILINE)


def is_map(text: str) -> bool:
    """Whether a YAML file has any section or setting of a map: others may lie beside it."""
    return _SECTION.search(text) is not None


@dataclass
class Draft:
    """The map as read so far, over all its files."""

    settings: Settings = field(default_factory=Settings)
    has_processes: bool = False  # or would have, were they right
    processes: dict[str, Process] = field(default_factory=dict)
    nodes: dict[str, MapNode] = field(default_factory=dict)
    places: dict[str, tuple[Source, Node]] = field(default_factory=dict)  # of names, measure ids
    needs: list[Reference] = field(default_factory=list)
    measures: References = field(default_factory=References)


def read_file(source: Source, root: Node, draft: Draft) -> None:
    """Read one file into the draft."""
    for key, node in source.fields(root, "the map", (*SETTINGS, *SECTIONS)).items():
        if key in SECTIONS:
            items = source.items(node, key)
            draft.has_processes |= key == "processes" and bool(items)
            for name, (at, body) in items.items():
                if is_free(source, name, at, draft):
                    _read_thing(source, key, (name, body), draft)
        else:
            draft.settings.read(source, key, node)


def is_free(source: Source, name: str, at: Node, draft: Draft) -> bool:
    """Whether a name is one and nothing has it yet, which is noted where not; takes the name."""
    if not NAME.fullmatch(name):
        source.note(at, f"'{name}' is not a name; use letters, digits and . _ - : @")
        return False
    if name in draft.places:
        first, place = draft.places[name]
        text = f"'{name}' is there twice, first in {first.place(place)}; every name means one thing"
        source.note(at, text)
        return False
    draft.places[name] = (source, at)
    return True


def _read_thing(source: Source, section: str, item: tuple[str, Node], draft: Draft) -> None:
    name, body = item
    if section == "processes":
        draft.processes[name] = _process(Entry(source, body, name, PROCESS_KEYS), draft)
    else:
        keys = PROVIDER_KEYS if section == "providers" else NODE_KEYS
        draft.nodes[name] = _node(Entry(source, body, name, keys), LAYERS[section], draft)


def _process(entry: Entry, draft: Draft) -> Process:
    source, name = entry.source, entry.owner
    node = entry.fields.get("measures")
    measures = []
    for measure, (at, body) in source.items(node, f"{name}: measures").items() if node else ():
        if not NAME.fullmatch(measure):
            source.note(at, f"'{measure}' is not a name; use letters, digits and . _ - : @")
            continue
        draft.places[f"{name}/{measure}"] = (source, at)
        read = read_measure(source, (name, measure), body, draft.measures)
        measures += [read] if read else []
    credits = read_credits(entry)
    _check_promise(entry)
    _check_revenue(entry, credits, measures)
    return Process(
        name=name,
        title=entry.read("title", str, title_of(name)),
        owner=entry.read("owner", str, ""),
        needs=read_needs(entry, draft.needs),
        measures=tuple(measures),
        promise=entry.read("promise", amounts.percent, None),
        credits=credits,
    )


def _check_promise(entry: Entry) -> None:
    """A promise of availability and the credits below it go together."""
    told = [key for key in ("promise", "credits") if key in entry.fields]
    if len(told) == 1:
        missing = "credits: [{below: 99.9, share: 10%}]" if told == ["promise"] else "promise: 99.9"
        why = f"{entry.owner}: a promise to customers has credits below it; write {missing}, too"
        entry.source.note(entry.fields[told[0]], why)


def _check_revenue(entry: Entry, credits: Sequence[Credit], measures: Sequence[Measure]) -> None:
    """A share is one of something: of what the process takes in."""
    if shares(credits) and not any(m.kind == "flow" and m.priced for m in measures):
        why = "a share of its revenue needs a flow with a value; write an amount, such as 500 EUR"
        entry.source.note(entry.fields["credits"], f"{entry.owner}: {why}")


def _node(entry: Entry, layer: Layer, draft: Draft) -> MapNode:
    credits = read_credits(entry)
    check_fee(entry, credits, "cost" in entry.fields)
    return MapNode(
        name=entry.owner,
        layer=layer,
        title=entry.read("title", str, title_of(entry.owner)),
        owner=entry.read("owner", str, ""),
        needs=read_needs(entry, draft.needs),
        match=read_match(entry),
        cost=entry.read("cost", amounts.cost, None),
        sla=entry.read("sla", amounts.percent, None),
        status_page=entry.read("status_page", url, ""),
        credits=credits,
    )


def check_fee(entry: Entry, credits: Sequence[Credit], has_cost: bool) -> None:
    """A share is one of something: of the provider's price."""
    if shares(credits) and not has_cost:
        why = "credits are a share of its price; write cost: 12000 EUR/month, too"
        entry.source.note(entry.fields["credits"], f"{entry.owner}: {why}")


def url(text: str) -> str:
    """An address of the web, without a slash at its end."""
    if not re.fullmatch(r"https?://[^\s/]+(/\S*)?", text):
        raise ValueError(f"'{text}' is not an address; write it like https://status.example/api/v2")
    return text.rstrip("/")
