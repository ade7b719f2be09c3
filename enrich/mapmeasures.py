"""Reads the measures of a process: which fields each kind has, and what they must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple, get_args

from yaml import Node

from enrich import amounts
from enrich.mapneeds import Reference
from enrich.mapyaml import Entry, Source
from enrich.model import Measure, MeasureKind, PromiseIn, Value, ValueBasis
from enrich.suggest import one_of


class Kind(NamedTuple):
    """What a measure of one kind must have, may have, and can be worth."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    worth: tuple[ValueBasis, ...]


_COMMON = ("kind", "stream", "title")
KINDS: Mapping[MeasureKind, Kind] = {
    "flow": Kind(
        ("stream",),
        ("ok", "failed", "value", "margin", "same_money_as"),
        ("amount", "per_unit"),
    ),
    "lead_time": Kind(
        ("stream", "from", "to", "promise"),
        ("closed", "value", "same_money_as"),
        ("per_hour_late", "per_unit"),
    ),
    "load": Kind(
        ("stream",), ("ok", "value", "same_money_as", "driven_by"), ("per_unit", "amount")
    ),
    "level": Kind(("stream",), (), ()),
}
KEYS = tuple(dict.fromkeys([*_COMMON, *(k for kind in KINDS.values() for k in kind[0] + kind[1])]))
_WORDS: Mapping[ValueBasis, str] = {
    "amount": "'amount'",
    "per_unit": "money per unit such as '6.50 EUR'",
    "per_hour_late": "'4.00 EUR per hour late'",
}
_NO_PROMISE: tuple[timedelta | None, PromiseIn] = (None, "elapsed")
_STREAM = re.compile(r"[a-z0-9_.-]{1,64}")


@dataclass
class References:
    """Names that measures mention and that only the whole map can confirm."""

    same_money: list[Reference] = field(default_factory=list)
    driven_by: list[Reference] = field(default_factory=list)
    working: list[Reference] = field(default_factory=list)  # promises in working hours


def read_measure(
    source: Source, owner: tuple[str, str], node: Node, references: References
) -> Measure | None:
    """One measure; owner is (process, measure). None when not even its kind can be read."""
    process, name = owner
    entry = Entry(source, node, f"{process}/{name}", KEYS)
    kind = _kind(entry, node)
    if kind is None:
        return None
    _check_fields(entry, node, kind)
    ok = _statuses(entry, "ok")
    failed = _statuses(entry, "failed")
    closed = _statuses(entry, "closed")
    start = entry.read("from", _status, "")
    finish = entry.read("to", _status, "")
    _check_apart(entry, "failed", failed, ok or ("ok",), "ok")
    _check_apart(entry, "closed", closed, (start, finish), "from or to")
    if start and start == finish:
        source.note(entry.fields["to"], f"{entry.owner}: from and to are both '{start}'")
    same = entry.read(
        "same_money_as", lambda text: text if "/" in text else f"{process}/{text}", ""
    )
    if same:
        at = entry.fields["same_money_as"]
        references.same_money.append(Reference(source, at, entry.owner, same))
    driven = entry.texts("driven_by", str, "[checkout]")
    references.driven_by += [Reference(source, at, entry.owner, p) for p, at in driven.items()]
    promise, promise_in = entry.read("promise", amounts.promise, _NO_PROMISE)
    if promise_in == "working":
        at = entry.fields["promise"]
        references.working.append(Reference(source, at, entry.owner, "working_hours"))
    return Measure(
        process=process,
        name=name,
        kind=kind,
        stream=entry.read("stream", _stream, ""),
        title=entry.read("title", str, title_of(name)),
        ok=ok or ("ok",),
        failed=failed,
        start=start,
        finish=finish,
        closed=closed,
        promise=promise,
        promise_in=promise_in,
        value=_value(entry, kind),
        same_money_as=same,
        driven_by=tuple(driven),
        margin=entry.read("margin", amounts.share, None),
    )


def title_of(name: str) -> str:
    """A title for a name that has none: `payments-app` becomes `Payments app`."""
    words = " ".join(name.replace("-", " ").replace("_", " ").split()) or name
    return words[0].upper() + words[1:]


def _kind(entry: Entry, node: Node) -> MeasureKind | None:
    if "kind" not in entry.fields:
        why = f"{entry.owner}: kind is missing; it is one of {', '.join(KINDS)}"
        entry.source.note(node, why)
        return None

    def parse(text: str) -> MeasureKind:
        for kind in get_args(MeasureKind):
            if kind == text:
                return kind  # type: ignore[no-any-return]  # get_args is untyped
        raise ValueError(f"'{text}' is not a kind of measure{one_of(text, KINDS)}")

    return entry.read("kind", parse, None)


def _check_fields(entry: Entry, node: Node, kind: MeasureKind) -> None:
    known = KINDS[kind]
    for key in known.required:
        if key not in entry.fields:
            entry.source.note(node, f"{entry.owner}: {key} is missing; a {kind} measure needs it")
    for key, at in entry.fields.items():
        if key not in (*_COMMON, *known.required, *known.optional):
            kinds = ", ".join(k for k, v in KINDS.items() if key in v.required + v.optional)
            text = f"{entry.owner}: a {kind} measure has no {key}; it belongs to {kinds}"
            entry.source.note(at, text)


def _value(entry: Entry, kind: MeasureKind) -> Value | None:
    value = entry.read("value", amounts.value, None)
    worth = KINDS[kind].worth
    if value is None or not worth or value.basis in worth:
        return value
    choice = " or ".join(_WORDS[basis] for basis in worth)
    text = f"{entry.owner}: the value of a {kind} measure is {choice}, not {_WORDS[value.basis]}"
    entry.source.note(entry.fields["value"], text)
    return None


def _statuses(entry: Entry, key: str) -> tuple[str, ...]:
    return tuple(entry.texts(key, _status, "[ok]"))


def _check_apart(
    entry: Entry, key: str, statuses: tuple[str, ...], others: tuple[str, ...], name: str
) -> None:
    for status in statuses:
        if status in others:
            text = f"{entry.owner}: '{status}' cannot be both in {key} and {name}"
            entry.source.note(entry.fields[key], text)


def _status(text: str) -> str:
    if len(text) > 32:
        raise ValueError(f"'{text}' is too long for a status; it has at most 32 characters")
    return text


def _stream(text: str) -> str:
    if not _STREAM.fullmatch(text):
        raise ValueError(
            f"'{text}' is not the name of a stream; use up to 64 of a-z, 0-9 and . _ -"
        )
    return text
