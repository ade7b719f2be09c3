r"""Which nodes a signal speaks of: its labels against the `match` rules of the map.

A node matches when any of its label sets does; a label set matches when the signal has all its
labels and each value matches its regular expression from end to end. Beyond that:

- the label `node` names a node outright, whatever rules it has: `{node: payment}`;
- a node without `match` is also found by its layer's own labels (`NAME_LABELS`), when their value
  is its name: `{service: payment}` finds the service `payment`.

A signal may mean several nodes; one that means none is unmapped, which is kept and listed.

Rules are filed under one of their labels, by exact value where the expression is a literal
(`payment`, `api\.example\.com`, `stripe|adyen`), else by the literal text it begins with. A signal
then meets only the few rules that can match it, on a map of any size.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from enrich.model import BusinessMap, Layer

NODE_LABEL = "node"
NAME_LABELS: Mapping[Layer, tuple[str, ...]] = {
    "service": ("service",),
    "application": ("application", "app"),
    "infrastructure": ("host",),
    "provider": ("provider",),
}

_TEXT = re.compile(r"[^\\.^$*+?{}\[\]()|]+|\\[^0-9A-Za-z]")  # plain characters, or an escaped one
_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]()|]")


class _Rule(NamedTuple):
    order: int  # of the node on the map
    node: str
    rest: tuple[tuple[str, str], ...]  # (label, expression) the index has not already made sure of


class Resolver:
    """Finds the nodes that a signal's labels mean, on one map."""

    def __init__(self, business_map: BusinessMap) -> None:
        self._order = {name: i for i, name in enumerate(business_map.nodes)}
        self._exact: dict[tuple[str, str], list[_Rule]] = {}
        self._prefix: dict[str, dict[str, list[_Rule]]] = {}
        self._longest: dict[str, int] = {}  # prefix, by label
        self._compiled: dict[str, re.Pattern[str]] = {}
        common = Counter(
            (label, pattern)
            for node in business_map.nodes.values()
            for labels in node.match
            for label, pattern in labels.items()
        )
        for name, node in business_map.nodes.items():
            for labels in node.match:
                self._file(name, labels, common)
            for label in () if node.match else NAME_LABELS[node.layer]:
                self._exact.setdefault((label, name), []).append(_Rule(self._order[name], name, ()))

    def nodes(self, labels: Mapping[str, str]) -> tuple[str, ...]:
        """The nodes that these labels mean, in the order of the map; () for unmapped."""
        found = {
            rule.order: rule.node for rule in self._candidates(labels) if self._holds(rule, labels)
        }
        named = labels.get(NODE_LABEL, "")
        if named in self._order:
            found[self._order[named]] = named
        return tuple(found[i] for i in sorted(found))

    def _candidates(self, labels: Mapping[str, str]) -> Iterator[_Rule]:
        for label, value in labels.items():
            yield from self._exact.get((label, value), ())
            prefixes = self._prefix.get(label)
            if prefixes:
                # No further than rules go: a label may be as long as its sender likes.
                for length in range(min(len(value), self._longest[label]) + 1):
                    yield from prefixes.get(value[:length], ())

    def _file(self, node: str, labels: Mapping[str, str], common: Counter[tuple[str, str]]) -> None:
        # A literal beats a regex, a rare value beats one that many rules share.
        key = min(labels.items(), key=lambda kv: (_literals(kv[1]) is None, common[kv]))
        label, pattern = key
        values = _literals(pattern)
        rest = tuple(
            (other, text) for other, text in labels.items() if other != label or values is None
        )
        rule = _Rule(self._order[node], node, rest)
        if values is None:
            prefix = _prefix(pattern)
            self._prefix.setdefault(label, {}).setdefault(prefix, []).append(rule)
            self._longest[label] = max(len(prefix), self._longest.get(label, 0))
        else:
            for value in values:
                self._exact.setdefault((label, value), []).append(rule)

    def _holds(self, rule: _Rule, labels: Mapping[str, str]) -> bool:
        return all(
            label in labels and self._compile(text).fullmatch(labels[label]) is not None
            for label, text in rule.rest
        )

    def _compile(self, text: str) -> re.Pattern[str]:
        # When first needed: compiling 100,000 expressions at start would take seconds.
        if text not in self._compiled:
            self._compiled[text] = re.compile(text)
        return self._compiled[text]


def literal(text: str) -> str:
    """The expression that matches this very text."""
    return _SPECIAL.sub(lambda found: "\\" + found[0], text)


def _literals(pattern: str) -> tuple[str, ...] | None:
    """The values an expression matches when they can be listed (`a`, `a|b`), else None."""
    values = []
    for part in pattern.split("|"):
        text, length = _plain(part)
        if length < len(part):
            return None
        values.append(text)
    return tuple(values)


def _prefix(pattern: str) -> str:
    """Literal text that whatever matches must begin with; "" when there is none."""
    if "|" in pattern:
        return ""
    text, length = _plain(pattern)
    repeats = pattern[length : length + 1] in ("*", "+", "?", "{")  # the last character of the text
    return text[:-1] if repeats else text


def _plain(pattern: str) -> tuple[str, int]:
    """The literal text an expression begins with, and how long it is as written."""
    text, at = "", 0
    while found := _TEXT.match(pattern, at):
        text += found[0][1:] if found[0].startswith("\\") else found[0]
        at = found.end()
    return text, at
