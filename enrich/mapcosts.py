"""Reads what a map says of costs: which parts of an incident's cost count, and service credits."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from yaml import Node

from enrich import amounts
from enrich.mapyaml import Entry, Source
from enrich.model import COST_PARTS, CostPart, Credit, Money
from enrich.suggest import did_you_mean

CREDIT_KEYS = ("below", "share", "amount")
_EXAMPLE = "[{below: 99.9, share: 10%}]"
_SWITCH = {"on": True, "off": False}


def read_switches(source: Source, node: Node) -> tuple[CostPart, ...]:
    """The parts of a cost that are switched off: `{response_time: off}`."""
    told = source.fields(node, "costs", COST_PARTS)
    counts = {key: source.read(at, f"costs: {key}", _switch, True) for key, at in told.items()}
    return tuple(part for part in COST_PARTS if not counts.get(part, True))


def read_credits(entry: Entry) -> tuple[Credit, ...]:
    """What is credited for a month below an availability, the lowest availability first."""
    node = entry.fields.get("credits")
    if node is None:
        return ()
    source, what = entry.source, f"{entry.owner}: credits"
    found: dict[Decimal, Credit] = {}
    for at in source.parts(node, what, _EXAMPLE):
        credit = _credit(Entry(source, at, what, CREDIT_KEYS), at)
        if credit is None:
            continue
        if credit.below in found:
            source.note(at, f"{what}: there are two for below {credit.below:f}")
        found[credit.below] = credit
    return tuple(found[below] for below in sorted(found))


def shares(credits: Sequence[Credit]) -> bool:
    """Whether any of them is a share of something."""
    return any(credit.share is not None for credit in credits)


def _credit(entry: Entry, at: Node) -> Credit | None:
    below: Decimal | None = entry.read("below", _percent, None)
    share: Decimal | None = entry.read("share", amounts.part_of, None)
    amount: Money | None = entry.read("amount", amounts.money, None)
    if "below" not in entry.fields:
        entry.source.note(at, f"{entry.owner}: below is missing; write one such as {_EXAMPLE}")
    if ("share" in entry.fields) == ("amount" in entry.fields):
        why = "has either a share (10%) or an amount (500 EUR)"
        entry.source.note(at, f"{entry.owner}: a credit {why}")
    if below is None or (share is None) == (amount is None):
        return None
    return Credit(below, share, amount)


def _percent(text: str) -> Decimal:
    amounts.percent(text)
    return Decimal(text.removesuffix("%").rstrip())


def _switch(text: str) -> bool:
    if text not in _SWITCH:
        raise ValueError(f"'{text}' is neither on nor off{did_you_mean(text, _SWITCH)}")
    return _SWITCH[text]
