"""Reads what a process or node needs, and the labels of the signals that mean a node.

Needs come in four forms: `payment` (hard), `{any: [stripe, adyen]}` and `{at_least: 2, of: [...]}`
(redundant), `{soft: recommender, weight: 0.1}` (losing it costs a tenth).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from yaml import MappingNode, Node, ScalarNode, SequenceNode

from enrich import amounts
from enrich.mapyaml import Entry, Source, found, is_null
from enrich.model import AtLeast, Hard, Need, Soft

_NEEDS = "[payment, {any: [stripe, adyen]}]"
_MATCH = "[{service: payment}]"
_FORMS = "write {any: [...]}, {at_least: 2, of: [...]} or {soft: name, weight: 0.1}"
# Expressions of which nothing but literal text, `.*`, `.+` and `|` is made need no compiling.
_SIMPLE = re.compile(r"[^\\.^$*+?{}\[\]()]*(?:\.[*+]?[^\\.^$*+?{}\[\]()]*)*")


class Reference(NamedTuple):
    """A name written somewhere, which must exist elsewhere on the map."""

    source: Source
    at: Node
    owner: str  # what refers to it
    name: str


def read_needs(entry: Entry, references: list[Reference]) -> tuple[Need, ...]:
    """The `needs` of an entry; every name in them is added to the references."""
    node = entry.fields.get("needs")
    if node is None or is_null(node) or (isinstance(node, SequenceNode) and not node.value):
        return ()  # needing nothing may be said
    source, owner = entry.source, entry.owner
    what = f"{owner}: needs"
    needs: list[Need] = []
    named: set[str] = set()
    for part in source.parts(node, what, _NEEDS):
        names: dict[str, Node] = {}
        need = _need(source, what, part, names)
        if need is not None:
            needs.append(need)
        for name, at in names.items():
            if name in named:
                source.note(at, f"{owner}: needs '{name}' twice; keep one of them")
            named.add(name)
            references.append(Reference(source, at, owner, name))
    return tuple(needs)


def _need(source: Source, what: str, node: Node, names: dict[str, Node]) -> Need | None:
    if isinstance(node, ScalarNode):
        name = source.read(node, what, str, "")
        if name:
            names[name] = node
        return Hard(name) if name else None
    if not isinstance(node, MappingNode):
        source.note(node, f"{what}: found a list in the list; {_FORMS}")
        return None
    entry = Entry(source, node, what, ("any", "at_least", "of", "soft", "weight"))
    match sorted(entry.fields):
        case ["any"]:
            of = entry.texts("any", str, "[stripe, adyen]")
            names.update(of)
            return AtLeast(1, tuple(of)) if of else None
        case ["at_least", "of"]:
            return _at_least(entry, names)
        case ["soft", "weight"]:
            return _soft(entry, names)
        case []:
            if not node.value:
                source.note(node, f"{what}: an empty need; {_FORMS}")
        case given:
            keys = ", ".join(given)
            source.note(node, f"{what}: '{keys}' does not say what is needed; {_FORMS}")
    return None


def _soft(entry: Entry, names: dict[str, Node]) -> Soft | None:
    name = entry.read("soft", str, "")
    if name:
        names[name] = entry.fields["soft"]
    weight = entry.read("weight", amounts.share, -1.0)
    return Soft(name, weight) if name and weight >= 0 else None


def _at_least(entry: Entry, names: dict[str, Node]) -> AtLeast | None:
    of = entry.texts("of", str, "[node-a, node-b]")
    names.update(of)
    count = entry.read("at_least", _count, 0)
    if not count or not of:
        return None
    if count > len(of):
        text = (
            f"{entry.owner}: at_least {count} of {len(of)} can never be; name more or ask for less"
        )
        entry.source.note(entry.fields["at_least"], text)
        return None
    return AtLeast(count, tuple(of))


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise ValueError(f"'{text}' is not a count; write a whole number from 1 on")
    return int(text)


def read_match(entry: Entry) -> tuple[Mapping[str, str], ...]:
    """The `match` of a node: label sets, their values checked to be regular expressions."""
    node = entry.fields.get("match")
    if node is None:
        return ()
    what = f"{entry.owner}: match"
    rules: list[Mapping[str, str]] = []
    for part in entry.source.parts(node, what, _MATCH):
        if not isinstance(part, MappingNode) or not part.value:
            text = f"{what}: expected labels such as {{service: payment}}, found {found(part)}"
            entry.source.note(
                part, text if part.value else f"{what}: no label would match everything"
            )
            continue
        rule = {
            label: entry.source.read(value, f"{what}: {label}", expression, "")
            for label, (_, value) in entry.source.items(part, what).items()
        }
        if rule and all(rule.values()):
            rules.append(rule)
    return tuple(rules)


def expression(text: str) -> str:
    """A regular expression, as written."""
    if not _SIMPLE.fullmatch(text):
        try:
            re.compile(text)
        except re.error as error:
            raise ValueError(f"'{text}' is not a regular expression: {error}") from None
    return text
