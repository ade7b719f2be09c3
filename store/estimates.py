"""Estimates as they were issued: never changed, never rebuilt.

Columns are for people and their SQL; the body keeps every digit, and the draws keep the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

import pyarrow as pa
from pydantic import TypeAdapter

from impact.model import MeasureImpact, MoneyRange
from ingest.times import to_ms
from store.clickhouse import Database, Row
from store.rows import EARLIEST, LATEST, TIME, schema, to_table

TABLE = "estimates"
_MONEY = pa.list_(pa.decimal128(38, 9))
_NUMBERS = pa.list_(pa.float64())
_NAMES = pa.list_(pa.string())
SCHEMA = schema(
    {
        "incident": pa.string(),
        "process": pa.string(),
        "measure": pa.string(),
        "as_of": TIME,
        "generation": pa.uint64(),
        "kind": pa.string(),
        "state": pa.string(),
        "method": pa.string(),
        "data_until": TIME,
        "share": pa.float64(),
        "parts.name": _NAMES,
        "parts.units_low": _NUMBERS,
        "parts.units_mid": _NUMBERS,
        "parts.units_high": _NUMBERS,
        "parts.money_low": _MONEY,
        "parts.money_mid": _MONEY,
        "parts.money_high": _MONEY,
        "parts.currency": _NAMES,
        "draws": pa.map_(pa.string(), pa.list_(pa.float32())),
        "body": pa.string(),
    }
)
_IMPACT = TypeAdapter(MeasureImpact)
_EXACT = Context(prec=38, rounding=ROUND_HALF_EVEN)
_STEP = Decimal("1e-9")


@dataclass(frozen=True, slots=True)
class IssuedEstimate:
    """An estimate with the generation of the assessor that issued it."""

    impact: MeasureImpact
    generation: int


class EstimateTable:
    """Every estimate ever issued."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, impacts: Sequence[MeasureImpact], generation: int) -> None:
        """Issue estimates; the same again changes nothing."""
        rows = [_row(impact, generation) for impact in impacts]
        self._database.insert(TABLE, to_table(rows, SCHEMA))

    def latest(
        self,
        incidents: Sequence[str] | None = None,
        *,
        as_of: datetime = LATEST,
        draws: bool | Literal["money"] = False,
    ) -> list[MeasureImpact]:
        """The newest estimate of each measure, as known at `as_of`, of these incidents; None: all.

        Draws come on request only, since they are most of the bytes: all, or those of money.
        """
        if incidents is not None and not incidents:
            return []
        wanted = 2 if draws == "money" else int(draws)
        rows = self._database.rows(
            "estimates", incidents=list(incidents or ()), as_of=to_ms(as_of), draws=wanted
        )
        return [impact_of(row) for row in rows]

    def history(self, incident: str, *, draws: bool = False) -> list[IssuedEstimate]:
        """Every estimate of one incident in the order of issue."""
        rows = self._database.rows("estimates_history", incident=incident, draws=int(draws))
        return [IssuedEstimate(impact_of(row), row["generation"]) for row in rows]

    def issued(self, start: datetime = EARLIEST, end: datetime = LATEST) -> list[IssuedEstimate]:
        """Every estimate issued in [start, end), without draws: what the trust ledger compares."""
        rows = self._database.rows("estimates_issued", start=to_ms(start), end=to_ms(end))
        return [IssuedEstimate(impact_of(row), row["generation"]) for row in rows]


def _row(impact: MeasureImpact, generation: int) -> Row:
    names = list(impact.units)
    units = [impact.units[name] for name in names]
    money = [impact.money.get(name) for name in names]
    return {
        "incident": impact.incident,
        "process": impact.process,
        "measure": impact.measure,
        "as_of": impact.as_of,
        "generation": generation,
        "kind": impact.kind,
        "state": impact.state,
        "method": impact.method,
        "data_until": impact.data_until,
        "share": impact.share,
        "parts.name": names,
        "parts.units_low": [r.low for r in units],
        "parts.units_mid": [r.mid for r in units],
        "parts.units_high": [r.high for r in units],
        "parts.money_low": [_column(m, "low") for m in money],
        "parts.money_mid": [_column(m, "mid") for m in money],
        "parts.money_high": [_column(m, "high") for m in money],
        "parts.currency": [m.currency if m else "" for m in money],
        "draws": {name: list(values) for name, values in impact.draws.items()},
        "body": without_draws(impact),
    }


def _column(money: MoneyRange | None, end: str) -> Decimal | None:
    """An end of a range as the column has it; the body keeps digits beyond the ninth."""
    if money is None:
        return None
    value: Decimal = getattr(money, end)
    return value.quantize(_STEP, context=_EXACT)


def without_draws(impact: MeasureImpact) -> str:
    """The whole estimate as JSON; its draws are kept apart, or not at all."""
    return _IMPACT.dump_json(impact, exclude={"draws"}).decode()


def impact_of(row: Row) -> MeasureImpact:
    """An estimate from its body and the draws beside it."""
    impact = _IMPACT.validate_json(row["body"])
    draws = {name: tuple(values) for name, values in row["draws"]}
    return replace(impact, draws=draws)
