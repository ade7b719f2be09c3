"""Reads what a map says about the company: its name, currency, hours, holidays, rates, labour."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from zoneinfo import available_timezones

import holidays as holiday_library
from yaml import Node, SequenceNode

from enrich import amounts
from enrich.mapcosts import read_switches
from enrich.mapyaml import Entry, Source, is_null
from enrich.model import CostPart, Money, Open, Rate
from enrich.suggest import did_you_mean

SETTINGS = (
    "company",
    "currency",
    "timezone",
    "holidays",
    "rates",
    "margin",
    "labour",
    "costs",
    "working_hours",
    "owners",
)
REQUIRED = {
    "company": "write company: Example Shop",
    "currency": "reports need one; write currency: EUR",
    "timezone": "normal volume depends on local hours; write timezone: Europe/Berlin",
    "processes": "a map without a process has nothing to price",
}


@dataclass
class Settings:
    """The company's settings, each from the one file that says it."""

    company: str = ""
    currency: str = ""
    timezone: str = ""
    holidays: str = ""
    margin: float | None = None  # of all flow measures that have none of their own
    labour: Money | None = None
    costs_off: tuple[CostPart, ...] = ()
    working_hours: tuple[Open, ...] = ()
    owners: dict[str, str] = field(default_factory=dict)  # name -> contact, or ""
    rates: list[tuple[Rate, Source, Node]] = field(default_factory=list)
    places: dict[str, tuple[Source, Node]] = field(default_factory=dict)

    def read(self, source: Source, key: str, node: Node) -> None:
        """Read one setting, which must not have been read before."""
        if key in self.places:
            first, at = self.places[key]
            source.note(node, f"'{key}' is there twice, first in {first.place(at)}")
            return
        self.places[key] = (source, node)
        match key:
            case "company":
                self.company = source.read(node, key, str, "")
            case "currency":
                self.currency = source.read(node, key, amounts.currency, "")
            case "timezone":
                self.timezone = source.read(node, key, timezone, "")
            case "holidays":
                self.holidays = source.read(node, key, holiday_code, "")
            case "margin":
                self.margin = source.read(node, key, amounts.share, None)
            case "labour":
                self.labour = source.read(node, key, amounts.labour, None)
            case "costs":
                self.costs_off = read_switches(source, node)
            case "working_hours":
                self.working_hours = source.read(node, key, amounts.working_hours, ())
            case "owners":
                self.owners |= _owners(source, node)
            case "rates":
                self.rates = _rates(source, node)


def timezone(text: str) -> str:
    """A time zone of the IANA database."""
    known = available_timezones()
    if text not in known:
        hint = did_you_mean(text, known) or "; write it like Europe/Berlin or UTC"
        raise ValueError(f"'{text}' is not a time zone{hint}")
    return text


def holiday_code(text: str) -> str:
    """A country of the `holidays` library, or one of its parts: `DE`, `DE-BY`, `US-NY`."""
    known = holiday_library.list_supported_countries()
    country, _, part = text.partition("-")
    if country not in known:
        raise ValueError(f"no holidays are known for '{text}'; write a country such as DE or US-NY")
    if part and part not in known[country]:
        parts = ", ".join(known[country]) or "none"
        raise ValueError(f"no holidays are known for '{text}'; the parts of {country} are: {parts}")
    return text


def _owners(source: Source, node: Node) -> dict[str, str]:
    """People and teams, and how each is reached; without that, nobody knows how."""
    return {
        name: "" if is_null(told) else source.read(told, f"owners: {name}", str, "")
        for name, (_, told) in source.items(node, "owners").items()
    }


def _rates(source: Source, node: Node) -> list[tuple[Rate, Source, Node]]:
    rates: list[tuple[Rate, Source, Node]] = []
    for code, (at, worth) in source.items(node, "rates").items():
        try:
            amounts.currency(code)
        except ValueError as error:
            source.note(at, f"rates: {error}")
            continue
        if isinstance(worth, SequenceNode):
            rates += [(rate, source, at) for rate in _dated(source, code, worth)]
        else:
            found = source.read(worth, f"rates: {code}", amounts.rate, Decimal(0))
            rates.append((Rate(code, None, found), source, at))
    return rates


def _dated(source: Source, code: str, node: Node) -> list[Rate]:
    what = f"rates: {code}"
    rates: dict[date | None, Rate] = {}
    for part in source.parts(node, what, "[{since: 2026-01-01, rate: 0.92}]"):
        entry = Entry(source, part, what, ("since", "rate"))
        since = entry.read("since", amounts.day, None)
        rate = entry.read("rate", amounts.rate, Decimal(0))
        missing = [key for key in ("since", "rate") if key not in entry.fields]
        if missing:
            source.note(part, f"{what}: {' and '.join(missing)} missing; a dated rate has both")
        elif since in rates:
            source.note(part, f"{what}: there are two rates since {since}")
        else:
            rates[since] = Rate(code, since, rate)
    return sorted(rates.values(), key=lambda r: r.since or date.min)
