"""Turns a Backstage catalogue into nodes of the map.

| entity | on the map |
|---|---|
| Domain, System, API | a service |
| Component | an application |
| Resource | infrastructure |
| any with the type external, provider, saas, third-party or vendor | a provider |

A domain needs its systems; a system its components, resources and APIs; a component what it
`dependsOn`, the APIs it consumes and its subcomponents; an API whoever provides it. All of these
are hard needs. What Backstage has no words for is said in annotations:

| annotation | |
|---|---|
| `toll.dev/process` | business processes that need this entity, separated by commas |
| `toll.dev/needs` | needs as on a map: `[{any: [resource:stripe, resource:adyen]}]` |
| `toll.dev/weight` | losing this entity costs only this share of what holds it: `0.1` |
| `toll.dev/layer` | service, application, infrastructure or provider |
| `toll.dev/match` | labels of signals, as on a map: `[{job: "pay-.*"}]` |
| `toll.dev/cost`, `toll.dev/sla`, `toll.dev/credits`, `toll.dev/status-page` | as on a map |

A node has the name of its entity. Where several kinds share a name, the first of component,
resource, system, API and domain has it and the others add their kind: `payment`, `payment-system`.
Outside the default namespace the namespace comes first: `eu.payment`. Processes keep their names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from textwrap import indent
from typing import NamedTuple, get_args

from yaml import Node

from enrich import amounts
from enrich.catalogue import DEFAULT, PARTS, PEOPLE, Catalogue, Entity, Ref
from enrich.mapcosts import read_credits
from enrich.mapmeasures import title_of
from enrich.mapneeds import Reference, read_match, read_needs
from enrich.mapschema import NAME, Draft, check_fee, is_free, url
from enrich.mapyaml import Entry, Inner, Source
from enrich.model import AtLeast, Hard, Layer, Need, Process, Soft, needed
from enrich.model import Node as MapNode
from enrich.resolve import literal
from enrich.suggest import did_you_mean, one_of

PREFIX = "toll.dev/"
KEYS = ("process", "needs", "weight", "layer", "match", "cost", "sla", "credits", "status-page")
OUTSIDE = frozenset({"external", "provider", "saas", "third-party", "vendor"})
_LAYER: Mapping[str, Layer] = {
    "domain": "service",
    "system": "service",
    "api": "service",
    "component": "application",
    "resource": "infrastructure",
}
# Labels whose value is the name of the entity, in the words of those who write alerts.
_FOUND_BY: Mapping[Layer, tuple[str, ...]] = {
    "service": ("service",),
    "application": ("application", "app", "service", "job"),
    "infrastructure": ("host", "service"),
    "provider": ("provider",),
}


class _Edge(NamedTuple):
    """One entity needs another, said at a place."""

    source: Source
    at: Node
    below: Ref


def add_catalogue(catalogue: Catalogue, draft: Draft) -> None:
    """Add what the catalogue holds to the map read so far; what is wrong is noted."""
    if catalogue.entities:
        _Adding(catalogue, draft).add()


class _Adding:
    def __init__(self, catalogue: Catalogue, draft: Draft) -> None:
        self._catalogue, self._draft = catalogue, draft
        self._edges: dict[Ref, dict[Ref, _Edge]] = defaultdict(dict)
        self._weights: dict[Ref, float] = {}
        self._processes: dict[str, list[tuple[Entity, Node]]] = defaultdict(list)

    def add(self) -> None:
        entities = self._catalogue.of(*PARTS)
        for entity in entities:
            self._check_annotations(entity)
            self._read_processes(entity)
            self._read_edges(entity)
        self._names = self._named(entities)
        self._add_people()
        for entity in entities:
            name = self._names[entity.ref]
            if is_free(entity.source, name, entity.at, self._draft):
                self._draft.nodes[name] = self._node(entity, name)
        for process, needing in self._processes.items():
            self._add_process(process, needing)

    def _named(self, entities: list[Entity]) -> dict[Ref, str]:
        taken = {*self._draft.processes, *self._processes}
        names = {}
        for ref in (entity.ref for entity in entities):
            name = ref.name if ref.namespace == DEFAULT else f"{ref.namespace}.{ref.name}"
            names[ref] = f"{name}-{ref.kind}" if name in taken else name
            taken.add(names[ref])
        return names

    def _check_annotations(self, entity: Entity) -> None:
        known = [PREFIX + key for key in KEYS]
        for key, node in entity.annotations.items():
            if key.startswith(PREFIX) and key not in known:
                hint = did_you_mean(key, known) or f"; known are {', '.join(known)}"
                entity.source.note(node, f"{entity.ref}: unknown annotation '{key}'{hint}")

    def _read_processes(self, entity: Entity) -> None:
        node = entity.annotations.get(PREFIX + "process")
        text = entity.source.read(node, f"{entity.ref}: process", str, "") if node else ""
        for name in filter(None, (part.strip() for part in text.split(","))):
            if node is not None and not NAME.fullmatch(name):
                why = f"{entity.ref}: '{name}' is not a name; use letters, digits and . _ - : @"
                entity.source.note(node, why)
            elif node is not None:
                self._processes[name].append((entity, node))

    def _read_edges(self, entity: Entity) -> None:
        ref = entity.ref
        parts = ("component", "resource")
        below = {"dependsOn": parts, "consumesApis": ("api",)}
        above = {"dependencyOf": parts, "providesApis": ("api",)}
        for key, kinds in below.items():
            for said in entity.spec_texts(key).items():
                self._edge(entity, key, said, kinds, above=False)
        for key, kinds in above.items():
            for said in entity.spec_texts(key).items():
                self._edge(entity, key, said, kinds, above=True)
        holders = {"system": "system", "domain": "domain", "subcomponentOf": "component"}
        for key, kind in holders.items():
            held = entity.spec_text(key)
            if held is not None:
                self._edge(entity, key, held, (kind,), above=True)
        weight = self._annotated(entity, "weight")
        if weight is not None:
            share = weight.read("weight", amounts.share, -1.0)
            if share >= 0:
                self._weights[ref] = share

    def _edge(
        self,
        entity: Entity,
        key: str,
        said: tuple[str, Node],
        kinds: tuple[str, ...],
        *,
        above: bool,
    ) -> None:
        """Note who needs whom; `above`: it is the other that needs this entity."""
        other = self._catalogue.target(entity, key, said, kinds)
        if other is None:
            return
        if other.kind not in PARTS:
            entity.source.note(said[1], f"{entity.ref}: {key} '{said[0]}' cannot be needed")
            return
        upper, lower = (other, entity.ref) if above else (entity.ref, other)
        self._edges[upper].setdefault(lower, _Edge(entity.source, said[1], lower))

    def _annotated(self, entity: Entity, key: str) -> Entry | None:
        """An annotation read as a part of a map: `toll.dev/cost: 9000 EUR/month`."""
        node = entity.annotations.get(PREFIX + key)
        text = entity.source.read(node, f"{entity.ref}: {key}", str, "") if node else ""
        if node is None or not text:
            return None
        inner = Inner(entity.source, node)
        root = inner.tree(f"{key}:\n{indent(text, ' ')}")
        return None if root is None else Entry(inner, root, str(entity.ref), (key,))

    def _node(self, entity: Entity, name: str) -> MapNode:
        layer = self._layer(entity)
        match, cost = self._annotated(entity, "match"), self._annotated(entity, "cost")
        sla, page = self._annotated(entity, "sla"), self._annotated(entity, "status-page")
        back = self._annotated(entity, "credits")
        for key, told in (("sla", sla), ("status-page", page), ("credits", back)):
            if told is not None and layer != "provider":
                at = entity.annotations[PREFIX + key]
                entity.source.note(at, f"{entity.ref}: only a provider has {PREFIX}{key}")
        credits = read_credits(back) if back else ()
        if back is not None:
            check_fee(back, credits, cost is not None)
        return MapNode(
            name=name,
            layer=layer,
            title=entity.title or title_of(entity.ref.name),
            owner=self._owner(entity),
            needs=self._needs(entity, name),
            match=read_match(match) if match else _found_by(layer, entity.ref.name),
            cost=cost.read("cost", amounts.cost, None) if cost else None,
            sla=sla.read("sla", amounts.percent, None) if sla else None,
            status_page=page.read("status-page", url, "") if page else "",
            credits=credits,
        )

    def _layer(self, entity: Entity) -> Layer:
        said = entity.spec_text("type")
        usual = _LAYER[entity.ref.kind]
        if said is not None and said[0].casefold() in OUTSIDE:
            usual = "provider"
        told = self._annotated(entity, "layer")
        return told.read("layer", layer_of, usual) if told else usual

    def _owner(self, entity: Entity) -> str:
        said = entity.spec_text("owner")
        if said is None:
            return ""
        ref = self._catalogue.find(said[0], entity.ref, PEOPLE)
        return _person(ref) if ref else said[0].removeprefix("group:").removeprefix("user:")

    def _needs(self, entity: Entity, name: str) -> tuple[Need, ...]:
        references: list[Reference] = []
        told = self._annotated(entity, "needs")
        said = read_needs(told, references) if told else ()
        needs = [self._translated(need, entity) for need in said]
        for ref in references:
            if ":" in ref.name:  # the catalogue knows better what was meant
                at = entity.annotations[PREFIX + "needs"]
                if self._catalogue.target(entity, "needs", (ref.name, at), PARTS) is None:
                    continue
            target = self._target(ref.name, entity)
            self._draft.needs.append(ref._replace(owner=name, name=target))
        spoken = {n for need in needs for n in needed(need)}
        for below, edge in self._edges[entity.ref].items():
            target = self._names[below]
            if target not in spoken:
                needs.append(self._need(below, target))
                self._draft.needs.append(Reference(edge.source, edge.at, name, target))
        return tuple(needs)

    def _need(self, below: Ref, target: str) -> Need:
        weight = self._weights.get(below)
        return Hard(target) if weight is None else Soft(target, weight)

    def _translated(self, need: Need, entity: Entity) -> Need:
        """A need of an annotation, in which entities may be called by reference."""
        match need:
            case Hard():
                return Hard(self._target(need.node, entity))
            case Soft():
                return Soft(self._target(need.node, entity), need.weight)
            case AtLeast():
                return AtLeast(need.count, tuple(self._target(n, entity) for n in need.of))

    def _target(self, text: str, entity: Entity) -> str:
        ref = self._catalogue.find(text, entity.ref, PARTS)
        return text if ref is None else self._names[ref]

    def _add_people(self) -> None:
        """Groups and users with their addresses; what the map's own files say comes first."""
        owners = self._draft.settings.owners
        for entity in self._catalogue.of(*PEOPLE):
            profile = entity.spec.get("profile")
            items = entity.source.items(profile, f"{entity.ref}: profile") if profile else {}
            email = items.get("email")
            read = entity.source.read(email[1], f"{entity.ref}: email", str, "") if email else ""
            owners.setdefault(_person(entity.ref), read)

    def _add_process(self, name: str, needing: list[tuple[Entity, Node]]) -> None:
        entity, at = needing[0]
        known = self._draft.processes.get(name)
        if known is None:
            if not is_free(entity.source, name, at, self._draft):
                return
            known = Process(name, title_of(name), owner=self._owner(entity))
            self._draft.has_processes = True
        has = {n for need in known.needs for n in needed(need)}
        more: list[Need] = []
        for entity, at in needing:
            target = self._names[entity.ref]
            if target not in has:
                more.append(self._need(entity.ref, target))
                self._draft.needs.append(Reference(entity.source, at, name, target))
        self._draft.processes[name] = replace(known, needs=(*known.needs, *more))


def layer_of(text: str) -> Layer:
    """A layer of the map, by its name."""
    for layer in get_args(Layer):
        if layer == text:
            return layer  # type: ignore[no-any-return]  # get_args is untyped
    raise ValueError(f"'{text}' is not a layer{one_of(text, get_args(Layer))}")


def _found_by(layer: Layer, name: str) -> tuple[Mapping[str, str], ...]:
    return tuple({label: literal(name)} for label in _FOUND_BY[layer])


def _person(ref: Ref) -> str:
    return ref.name if ref.namespace == DEFAULT else f"{ref.namespace}/{ref.name}"
