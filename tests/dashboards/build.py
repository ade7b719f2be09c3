"""From a board in few words to the JSON that Grafana reads (schema version 39)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Literal

CLICKHOUSE = {"type": "grafana-clickhouse-datasource", "uid": "toll-clickhouse"}
PROMETHEUS = {"type": "prometheus", "uid": "toll-prometheus"}
PLUGIN = "4.10.0"
COLUMNS = 24  # of Grafana's grid

Kind = Literal["timeseries", "stat", "table", "barchart"]


@dataclass(frozen=True)
class Panel:
    """One panel: SQL on the store, or PromQL on Toll's own metrics (legend -> expression)."""

    title: str
    kind: Kind
    sql: str = ""
    metrics: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    width: int = 12
    height: int = 8
    unit: str = "short"
    decimals: int | None = None
    bars: bool = False  # timeseries: as bars
    stacked: bool = False
    series: str = ""  # timeseries: the column whose texts name the series
    alarming: bool = False  # stat: red from the first unit on
    may_be_empty: bool = False  # no rows are a good answer, too
    empty: str = "none"

    def json(self, number: int, x: int, y: int) -> dict[str, Any]:
        """The panel at its place."""
        source = PROMETHEUS if self.metrics else CLICKHOUSE
        unit = "locale" if self.kind == "table" and self.unit == "short" else self.unit
        defaults: dict[str, Any] = {"unit": unit, "noValue": self.empty, "custom": {}}
        if self.decimals is not None:
            defaults["decimals"] = self.decimals
        if self.kind == "timeseries":
            defaults["custom"] = {
                "drawStyle": "bars" if self.bars else "line",
                "fillOpacity": 60 if self.bars else 8,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            }
        if self.series:  # else each is called by its number's column, too
            defaults["displayName"] = f"${{__field.labels.{self.series}}}"
        if self.kind == "stat":  # by itself Grafana writes every number in green
            defaults |= _ALARMING if self.alarming else _CALM
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.says,
            "datasource": source,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": defaults, "overrides": _overrides(self)},
            "options": _OPTIONS[self.kind],
            "targets": self._targets(source),
        }

    def _targets(self, source: Mapping[str, str]) -> list[dict[str, Any]]:
        if self.metrics:
            return [
                {"refId": chr(65 + n), "datasource": source, "expr": expr, "legendFormat": legend}
                for n, (legend, expr) in enumerate(self.metrics.items())
            ]
        return [target(self.sql, "timeseries" if self.kind == "timeseries" else "table")]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a board: from SQL (value, text), or a text to be written."""

    name: str
    label: str
    sql: str = ""
    text: str = ""
    many: bool = False

    def json(self) -> dict[str, Any]:
        """The variable as a board holds it."""
        if not self.sql:
            chosen = {"text": self.text, "value": self.text}
            said = {"type": "textbox", "query": self.text, "current": chosen, "options": [chosen]}
            return {"name": self.name, "label": self.label, **said}
        return {
            "name": self.name,
            "label": self.label,
            "type": "query",
            "datasource": CLICKHOUSE,
            "query": dedent(self.sql).strip(),
            "definition": dedent(self.sql).strip(),
            "refresh": 2,  # when the time range changes
            "sort": 0,
            "multi": self.many,
            "includeAll": self.many,
            "current": {"text": ["All"], "value": ["$__all"]} if self.many else {},
        }


@dataclass(frozen=True)
class Board:
    """One dashboard."""

    uid: str
    title: str
    says: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = ()
    since: str = "now-7d"

    def json(self) -> dict[str, Any]:
        """The whole of it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.says,
            "tags": ["toll"],
            "schemaVersion": 39,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": self.since, "to": "now"},
            "timezone": "browser",
            "links": _LINKS,
            "templating": {"list": [v.json() for v in (*self.variables, PAGE)]},
            "annotations": {"list": [_annotation(*one) for one in ANNOTATIONS]},
            "panels": _placed(self.panels),
        }


def target(sql: str, kind: Literal["timeseries", "table"]) -> dict[str, Any]:
    """A query of the ClickHouse plugin, as its SQL editor writes it."""
    return {
        "refId": "A",
        "datasource": CLICKHOUSE,
        "editorType": "sql",
        "pluginVersion": PLUGIN,
        "queryType": kind,
        "format": 0 if kind == "timeseries" else 1,
        "rawSql": dedent(sql).strip(),
    }


# The time of an incident and an hour around it, for links; in one line, as it stands in the SQL.
_ENDS = ("link_from", "link_to")
LINK_SPAN = (
    "toUnixTimestamp64Milli(started_at) - 3600000 AS link_from, "
    "toUnixTimestamp64Milli(coalesce(ended_at, now64(3))) + 3600000 AS link_to"
)
PAGE = Variable("toll", "Toll's address", text="http://127.0.0.1:8080")
ANNOTATIONS = (
    (
        "Incidents",
        "red",
        """
        SELECT
            toDateTime(started_at, 'UTC') AS time,
            toDateTime(coalesce(ended_at, now()), 'UTC') AS timeEnd,
            title AS text,
            kind AS tags
        FROM v_incidents
        WHERE started_at <= $__toTime AND coalesce(ended_at, now()) >= $__fromTime
        ORDER BY time
        """,
    ),
    (
        "Changes",
        "blue",
        """
        SELECT toDateTime(started_at, 'UTC') AS time, summary AS text, source AS tags
        FROM v_signals
        WHERE kind = 'change' AND $__timeFilter(started_at)
        ORDER BY time
        """,
    ),
)
_LINKS = [
    {
        "type": "dashboards",
        "title": "Toll",
        "tags": ["toll"],
        "asDropdown": True,
        "keepTime": True,
        "includeVars": False,
    },
    {"type": "link", "title": "Toll's page", "url": "${toll}/", "targetBlank": True},
]
_OPTIONS: Mapping[Kind, dict[str, Any]] = {
    "timeseries": {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": True},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    },
    "table": {"cellHeight": "sm", "showHeader": True},
    "barchart": {"orientation": "horizontal", "showValue": "auto", "legend": {"showLegend": False}},
}


_CALM: Mapping[str, Any] = {"color": {"mode": "fixed", "fixedColor": "text"}}
_ALARMING: Mapping[str, Any] = {
    "color": {"mode": "thresholds"},
    "thresholds": {
        "mode": "absolute",
        "steps": [{"color": "green", "value": None}, {"color": "red", "value": 0.01}],
    },
}


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    """Where a table has a column `incident`, it leads to Toll's page and to the board.

    The board opens on the time of the incident, which two columns tell that nobody sees.
    """
    if panel.kind != "table" or LINK_SPAN not in panel.sql:
        return []
    there, span = "${__value.text}", [f"${{__data.fields.{end}.numeric}}" for end in _ENDS]
    board = f"/d/toll-incident?var-incident={there}&from={span[0]}&to={span[1]}"
    links = [
        {"title": "Toll's page", "url": f"${{toll}}/incidents/{there}", "targetBlank": True},
        {"title": "Dashboard", "url": board},
    ]
    return [
        _override("incident", "links", links),
        *(_override(end, "custom.hidden", True) for end in _ENDS),
    ]


def _override(column: str, name: str, value: Any) -> dict[str, Any]:
    by_name = {"id": "byName", "options": column}
    return {"matcher": by_name, "properties": [{"id": name, "value": value}]}


def _annotation(name: str, colour: str, sql: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": CLICKHOUSE,
        "enable": True,
        "iconColor": colour,
        "target": target(sql, "table"),
    }


def _placed(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    """From left to right, a new row where one is full."""
    placed, x, y, tallest = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if x + panel.width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append(panel.json(number, x, y))
        x, tallest = x + panel.width, max(tallest, panel.height)
    return placed
