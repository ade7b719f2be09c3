"""The file named by TOLL_STREAMS: how streams are treated, topics and signals of another shape.

streams:
  payments: {keys: plain, segments: [region], cadence: 1h, source: till}
topics:
  - topic: shop.transactions
    stream: payments
    fields: {id: $.txId, at: $.ts, amount: $.total.value, currency: $.total.currency}
    status: {SETTLED: ok, REFUSED: declined}
signals:
  zabbix:                                           # sent to /v1/signals/generic/zabbix
    each: $.events
    fields: {id: $.eventid, fingerprint: $.trigger, started_at: $.clock, status: $.value}
    labels: {host: $.host.name}
    words: {status: {PROBLEM: firing, OK: resolved}}
    fixed: {kind: alert}
counters:                                           # of Prometheus, written to /api/v1/write
  - metric: shop_payments_total
    match: {env: prod}
    stream: payments
    status_label: result
    words: {success: ok, refused: declined}
    segment: {region: region}
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from enrich.mapneeds import expression
from enrich.mapyaml import Source
from enrich.mistakes import Mistake
from ingest.errors import SettingsError
from ingest.mapping import compile_path, shape_of
from ingest.sources.mapped import FIELDS, mapped
from ingest.streams import (
    REPLICA_LABELS,
    CounterMapping,
    IngestConfig,
    SignalMapping,
    StreamConfig,
    TopicMapping,
)

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_EVENT_FIELDS = Literal[
    "id", "at", "status", "key", "customer", "amount", "currency", "count", "value", "segment"
]


def parse_duration(text: object) -> timedelta:
    """`90s`, `30m`, `24h` or `2d`."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", str(text))
    if not found or float(found[1]) == 0:
        raise ValueError("write a duration such as 90s, 30m, 24h or 2d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
StreamName = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Stream(_Strict):
    keys: Literal["hashed", "plain"] = "hashed"
    identity: Literal["event", "id"] = "event"
    segments: tuple[str, ...] = ()
    cadence: Duration | None = None
    source: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,64}$")] = ""


def _is_path(text: str) -> str:
    try:
        compile_path(text)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    return text


def _is_signal_field(name: str) -> str:
    if name not in FIELDS:
        raise ValueError(f"no field {name!r}; fields are {', '.join(FIELDS)}")
    return name


JsonPath = Annotated[str, AfterValidator(_is_path)]


class _Topic(_Strict):
    topic: str
    stream: StreamName | None = None
    fields: dict[_EVENT_FIELDS | Literal["stream"], JsonPath | list[JsonPath]] = Field(
        default_factory=dict
    )
    status: dict[str, str] = Field(default_factory=dict)

    def mapping(self) -> TopicMapping:
        fields = {str(name): paths for name, paths in self.fields.items()}
        return TopicMapping(self.topic, self.stream, fields, self.status)

    @model_validator(mode="after")
    def _told_at_the_start(self) -> _Topic:
        """A mapping that is none would stop the reading of all topics at its first record."""
        try:
            shape_of(self.mapping())
        except SettingsError as error:
            raise ValueError(str(error)) from error
        return self


SignalField = Annotated[str, AfterValidator(_is_signal_field)]
SignalName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


class _Signals(_Strict):
    each: JsonPath | None = None
    fields: dict[SignalField, JsonPath | list[JsonPath]] = Field(default_factory=dict)
    labels: dict[str, JsonPath | list[JsonPath]] = Field(default_factory=dict)
    words: dict[SignalField, dict[str, str]] = Field(default_factory=dict)
    fixed: dict[SignalField, str] = Field(default_factory=dict)


class _Counter(_Strict):
    metric: Annotated[str, Field(pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$")]
    stream: StreamName
    match: dict[str, Annotated[str, AfterValidator(expression)]] = Field(default_factory=dict)
    status: str = "ok"
    status_label: str = ""
    words: dict[str, str] = Field(default_factory=dict)
    segment: dict[str, str] = Field(default_factory=dict)
    replica_labels: tuple[str, ...] = REPLICA_LABELS


def _each_once(topics: tuple[_Topic, ...]) -> tuple[_Topic, ...]:
    names = [one.topic for one in topics]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)}: write each topic once")
    return topics


class _File(_Strict):
    streams: dict[StreamName, _Stream] = Field(default_factory=dict)
    topics: Annotated[tuple[_Topic, ...], AfterValidator(_each_once)] = ()
    signals: dict[SignalName, _Signals] = Field(default_factory=dict)
    counters: tuple[_Counter, ...] = ()


def read_streams(file: Path | None, *, salt: bytes, retention: timedelta) -> IngestConfig:
    """The ingest configuration; raises `SettingsError` that lists every mistake of the file."""
    parsed = _File() if file is None else _parse(file)
    return IngestConfig(
        streams={n: StreamConfig(n, **s.model_dump()) for n, s in parsed.streams.items()},
        mappings={topic.topic: topic.mapping() for topic in parsed.topics},
        signals={n: _mapping(n, s) for n, s in parsed.signals.items()},
        counters=tuple(CounterMapping(**c.model_dump()) for c in parsed.counters),
        salt=salt,
        retention=retention,
    )


def _mapping(name: str, written: _Signals) -> SignalMapping:
    mapping = SignalMapping(name, **written.model_dump())
    mapped(mapping)  # a mistake is told at the start, not with the first signal
    return mapping


def _parse(file: Path) -> _File:
    try:
        text = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"TOLL_STREAMS: {file} cannot be read: {said}") from error
    mistakes: list[Mistake] = []
    source = Source(str(file), mistakes)  # scalars as texts: `on` and `1` are somebody's words here
    document = source.only(text)
    written = {} if document is None else source.written(document, "the file")
    if mistakes:
        raise SettingsError("; ".join(map(str, sorted(set(mistakes)))))
    try:
        return _File.model_validate(written)
    except ValidationError as error:
        raise SettingsError(
            "; ".join(f"{file}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from error
