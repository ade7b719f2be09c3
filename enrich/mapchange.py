"""A map as it might be: other needs, a twin of a node, a node more.

Changes are put into the map as it would be written and read again, so that a supposed map is as
strict as a real one: unknown names, cycles and misspellings are told in the same words.

A *twin* stands in for one node and does nothing else. It needs what that node needs, so that it
helps against the node's own trouble, not against trouble beneath both of them: everybody who needed
the node then needs `{any: [node, twin]}`, whatever the form of that need was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from enrich.mapfile import load
from enrich.mapschema import SECTIONS
from enrich.mapwrite import as_yaml_tree, tree
from enrich.mapyaml import Source
from enrich.mistakes import MapError, Mistake
from enrich.model import AtLeast, BusinessMap, Hard, Need, Node, Soft
from enrich.suggest import did_you_mean
from ingest.errors import InputError, NotFoundError

PAIR, TWIN = ":pair", ":twin"  # what the names of a pair and of a twin end with
_SUPPOSED = "the supposed map"


@dataclass(frozen=True)
class MapChange:
    """What is to be different. Twins come first, so that `needs` may speak of them."""

    twins: tuple[str, ...] = ()
    added: tuple[str, ...] = ()  # new nodes that need nothing
    needs: Mapping[str, str] = field(default_factory=dict)  # name -> its needs, as a map says them

    def __bool__(self) -> bool:
        return bool(self.twins or self.added or self.needs)


def supposed(found: BusinessMap, change: MapChange) -> BusinessMap:
    """The map with the change made; an error in words where it cannot be made."""
    for node in change.twins:
        found = with_twin(found, node)
    if not change.added and not change.needs:
        return found
    written = tree(found)
    for name in change.added:
        if name in found.nodes or name in found.processes:
            raise InputError(f"'{name}' is on the map already")
        written.setdefault("services", {})[name] = None
    for name, text in change.needs.items():
        _entry(written, found, name)["needs"] = _parsed(name, text)
    try:
        return load({_SUPPOSED: as_yaml_tree(written)})
    except MapError as error:
        raise InputError("; ".join(m.text for m in error.mistakes)) from error


def with_twin(found: BusinessMap, name: str) -> BusinessMap:
    """The map with a twin of one node; `NotFoundError` where the map has no such node."""
    node = found.nodes.get(name)
    if node is None:
        raise NotFoundError(f"no node '{name}' on the map{did_you_mean(name, found.nodes)}")
    pair, twin = name + PAIR, name + TWIN
    nodes = {n.name: replace(n, needs=_instead(n.needs, name, pair)) for n in found.nodes.values()}
    nodes[twin] = replace(node, name=twin, title=f"{node.title}, the twin", match=())
    nodes[pair] = Node(pair, "service", node.title, needs=(AtLeast(1, (name, twin)),))
    processes = {
        p.name: replace(p, needs=_instead(p.needs, name, pair)) for p in found.processes.values()
    }
    return replace(found, nodes=nodes, processes=processes, version=f"{found.version}+{twin}")


def _instead(needs: tuple[Need, ...], old: str, new: str) -> tuple[Need, ...]:
    def renamed(need: Need) -> Need:
        match need:
            case Hard(node):
                return Hard(new) if node == old else need
            case Soft(node, weight):
                return Soft(new, weight) if node == old else need
            case AtLeast(count, of):
                return AtLeast(count, tuple(new if node == old else node for node in of))

    return tuple(renamed(need) for need in needs)


def _entry(written: dict[str, Any], found: BusinessMap, name: str) -> dict[str, Any]:
    for section in SECTIONS:
        of = written.get(section) or {}
        if name in of:
            of[name] = dict(of[name] or {})
            entry: dict[str, Any] = of[name]
            return entry
    hint = did_you_mean(name, [*found.processes, *found.nodes])
    raise NotFoundError(f"the map has no '{name}'{hint}")


def _parsed(name: str, text: str) -> Any:
    """The needs as a map file has them; anchors are refused: a few can spell out millions."""
    if "&" in text or "*" in text:
        raise InputError(f"{name}.needs: anchors are not taken; write the names out")
    mistakes: list[Mistake] = []
    source = Source(name, mistakes)
    document = source.only(text)
    found = None if document is None else source.written(document, "a need")
    if mistakes:
        like = "write it like [payment, {any: [stripe, adyen]}]"
        raise InputError(f"{name}.needs: {mistakes[0].text}; {like}")
    return found
