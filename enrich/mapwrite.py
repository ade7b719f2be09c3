"""Writes a map as the one YAML file it would be, from wherever it was read.

What is written reads back as the same map: the same version, since that is the hash of what a map
says. Values that go without saying are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, TypeAlias

import yaml

from enrich.amounts import DAYS
from enrich.mapmeasures import title_of
from enrich.mapschema import LAYERS
from enrich.model import (
    AtLeast,
    BusinessMap,
    Credit,
    Hard,
    Measure,
    Money,
    Need,
    Node,
    Open,
    Process,
    Soft,
    Value,
)

Tree: TypeAlias = dict[str, Any]  # as YAML has it: texts, lists, mappings
_WIDTH = 100
_UNITS = ((3600, "h"), (60, "m"), (1, "s"))


def as_yaml(found: BusinessMap) -> str:
    """The map as one file."""
    return as_yaml_tree(tree(found))


def as_yaml_tree(found: Tree) -> str:
    """The same of a tree that somebody has changed."""
    return yaml.dump(
        found,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
        default_flow_style=None,
    )


def on_one_line(value: Any) -> str:
    """A part of the tree as it could stand in a file: `{any: [stripe, adyen]}`."""
    text = yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=10**9,
        default_flow_style=True,
    )
    return text.removesuffix("...\n").strip()


def tree(found: BusinessMap) -> Tree:
    """The map as nested texts, lists and mappings."""
    settings = {
        "company": found.company,
        "currency": found.currency,
        "timezone": found.timezone,
        "holidays": found.holidays,
        "working_hours": _hours(found.working_hours),
        "labour": _money(found.labour_rate),
        "costs": dict.fromkeys(found.costs_off, "off"),
        "rates": _rates(found),
        "owners": {name: contact or None for name, contact in found.owners.items()},
    }
    sections: Tree = {"processes": {p.name: _process(p) for p in found.processes.values()}}
    for section, layer in LAYERS.items():
        nodes = {n.name: _node(n) for n in found.nodes.values() if n.layer == layer}
        sections[section] = nodes
    return _said({**settings, **sections})


def _process(process: Process) -> Tree:
    return _said(
        {
            "title": _title(process),
            "owner": process.owner,
            "needs": _needs(process.needs),
            "measures": {m.name: _measure(m) for m in process.measures},
            "promise": process.promise,
            "credits": [_credit(c) for c in process.credits],
        }
    )


def _node(node: Node) -> Tree | None:
    cost = node.cost and f"{_money(node.cost.money)}/{node.cost.per}"
    return (
        _said(
            {
                "title": _title(node),
                "owner": node.owner,
                "needs": _needs(node.needs),
                "match": [dict(rule) for rule in node.match],
                "cost": cost,
                "sla": node.sla,
                "credits": [_credit(c) for c in node.credits],
                "status_page": node.status_page,
            }
        )
        or None
    )


def _credit(credit: Credit) -> Tree:
    share = None if credit.share is None else f"{credit.share:f}"
    return _said({"below": f"{credit.below:f}", "share": share, "amount": _money(credit.amount)})


def _measure(measure: Measure) -> Tree:
    return _said(
        {
            "kind": measure.kind,
            "stream": measure.stream,
            "title": _title(measure),
            "ok": list(measure.ok) if measure.ok != ("ok",) else None,
            "failed": list(measure.failed),
            "from": measure.start,
            "to": measure.finish,
            "closed": list(measure.closed),
            "promise": promise_text(measure),
            "value": _value(measure.value),
            "margin": measure.margin,
            "same_money_as": measure.same_money_as,
            "driven_by": list(measure.driven_by),
        }
    )


def _needs(needs: Iterable[Need]) -> list[Any]:
    found: list[Any] = []
    for need in needs:
        match need:
            case Hard():
                found.append(need.node)
            case AtLeast(count=1):
                found.append({"any": list(need.of)})
            case AtLeast():
                found.append({"at_least": str(need.count), "of": list(need.of)})
            case Soft():
                found.append({"soft": need.node, "weight": _number(need.weight)})
    return found


def _said(parts: Mapping[str, Any]) -> Tree:
    """What is said at all; numbers as they are written."""
    return {
        key: _number(value) if isinstance(value, int | float) else value
        for key, value in parts.items()
        if value is not None and value not in ("", [], {})
    }


def _title(thing: Process | Node | Measure) -> str:
    return "" if thing.title == title_of(thing.name) else thing.title


def _number(value: float) -> str:
    return f"{Decimal(repr(value)):f}"


def _money(money: Money | None) -> str:
    return f"{money.amount:f} {money.currency}" if money else ""


def _value(value: Value | None) -> str:
    if value is None:
        return ""
    if value.money is None:
        return "amount"
    return _money(value.money) + (" per hour late" if value.basis == "per_hour_late" else "")


def promise_text(measure: Measure) -> str:
    """A promise as the map says it: `4h`, `2 days`, `8 working hours`; empty without one."""
    promise = measure.promise
    if promise is None:
        return ""
    if measure.promise_in == "days":
        return f"{promise.days} days"
    if measure.promise_in == "working":
        return f"{promise // timedelta(hours=1)} working hours"
    seconds = promise // timedelta(seconds=1)
    size, unit = next((s, u) for s, u in _UNITS if seconds % s == 0)
    return f"{seconds // size}{unit}"


def _hours(hours: Iterable[Open]) -> str:
    def clock(minutes: int) -> str:
        return f"{minutes // 60:02}:{minutes % 60:02}"

    return ", ".join(f"{DAYS[o.weekday]} {clock(o.opens)}-{clock(o.closes)}" for o in hours)


def _rates(found: BusinessMap) -> Tree:
    rates: Tree = {}
    for currency, of_currency in groupby(found.rates, key=lambda r: r.currency):
        every = list(of_currency)
        if every[0].since is None:
            rates[currency] = f"{every[0].rate:f}"
        else:
            rates[currency] = [{"since": f"{r.since}", "rate": f"{r.rate:f}"} for r in every]
    return rates


class _Dumper(yaml.SafeDumper):
    """Every scalar is a text, as it is for the reader: `99.9` and `NO` need no quotes."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and value in ("", "~", "null", "Null", "NULL", "<<"):
            return "tag:yaml.org,2002:null"  # must be quoted, to be taken for a text
        return {
            yaml.ScalarNode: "tag:yaml.org,2002:str",
            yaml.SequenceNode: "tag:yaml.org,2002:seq",
        }.get(kind, "tag:yaml.org,2002:map")

    def represent_none(self, data: None) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:null", "~")

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(type(None), _Dumper.represent_none)
