"""Every query of every dashboard, run on the embedded engine with Grafana's words filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api.run.metrics import METRICS
from tests.api.app import alert, ndjson, opened
from tests.api.shop import Shop, five_weeks
from tests.clickhouse_engine import Engine
from tests.dashboards.boards import BOARDS
from tests.dashboards.build import ANNOTATIONS, CLICKHOUSE, PAGE, PROMETHEUS, Panel
from tests.dashboards.files import FOLDER, files

PANELS = [(board, panel) for board in BOARDS for panel in board.panels]
ASKED = [pytest.param(p, id=f"{b.uid}: {p.title}") for b, p in PANELS if p.sql]
VARIABLES = {v.name: v for board in BOARDS for v in board.variables}
NUMBER = (int, float, Decimal, type(None))


@dataclass(frozen=True)
class Asked:
    """A shop whose store answers as Grafana would ask it: 15 minutes a point, the last week."""

    shop: Shop
    choices: Mapping[str, list[str]]

    def rows(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        with self.shop.toll.parts.store.database._client() as client:
            found = client.query(expanded(sql, self.shop.now, self.choices))
            return list(found.column_names), [tuple(row) for row in found.result_rows]


def expanded(sql: str, now: datetime, choices: Mapping[str, list[str]]) -> str:
    """As the plugin and Grafana fill in macros and variables, at the level of their text."""
    start, end = (int(t.timestamp()) for t in (now - timedelta(days=7), now + timedelta(hours=1)))
    frm, to = f"toDateTime({start})", f"toDateTime({end})"
    sql = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 >= {frm} AND \1 <= {to}", sql)
    interval = r"toStartOfInterval(toDateTime(\1), INTERVAL 900 second)"
    sql = re.sub(r"\$__timeInterval\(([^)]+)\)", interval, sql)
    sql = sql.replace("$__fromTime", frm).replace("$__toTime", to)

    def chosen(match: re.Match[str]) -> str:
        return ",".join("'" + one.replace("'", "''") + "'" for one in choices[match[1]])

    sql = re.sub(r"\$\{(\w+):sqlstring\}", chosen, sql)
    assert "$" not in sql, f"a word of Grafana that nobody fills in: {sql}"
    return sql


@pytest.fixture(scope="module")
def asked(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with engine.lent() as store, opened(tmp_path_factory.mktemp("grafana"), store) as toll:
        shop = five_weeks(toll)
        minutes = timedelta(minutes=1)
        toll.post([{"id": "l1", "stream": "payments", "at": (shop.now - 2 * minutes).isoformat()}])
        bad = ndjson([{"id": "b", "stream": "payments", "at": "yesterday"}])
        toll.http.post("/v1/business", content=bad, params={"keep_bad": True})
        change = alert(shop.began - 5 * minutes, kind="change", id="c1", fingerprint="c1")
        assert toll.http.post("/v1/signals/generic", json=[change]).status_code == 202
        toll.ingest()
        known = Asked(shop, {})
        choices: dict[str, list[str]] = {}
        for name, variable in VARIABLES.items():  # `measure` asks for the process, which is before
            _, rows = Asked(shop, choices).rows(variable.sql)
            choices[name] = [row[0] for row in rows][: None if variable.many else 1]
        yield Asked(known.shop, choices)


@pytest.mark.parametrize("panel", ASKED)
@pytest.mark.engine
def test_a_panel_gets_rows_in_the_shape_it_draws(asked, panel: Panel):
    names, rows = asked.rows(panel.sql)
    assert rows or panel.may_be_empty
    shapes = {"timeseries": over_time, "stat": one_number, "barchart": a_bar_each}
    shapes.get(panel.kind, lambda *_: None)(panel, names, rows)


def over_time(panel: Panel, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """A time first, rising; at most one text (the series); the rest are numbers."""
    assert names[0] == "time"
    named = [n for n, value in zip(names, rows[0], strict=True) if isinstance(value, str)]
    assert named == ([panel.series] if panel.series else []), "what names the series"
    assert all(isinstance(row[0], datetime) for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    texts = {n for row in rows for n, value in enumerate(row[1:]) if isinstance(value, str)}
    assert len(texts) <= 1
    assert all(isinstance(value, (*NUMBER, str)) for row in rows for value in row[1:])
    if not texts:
        assert len({row[0] for row in rows}) == len(rows), "two values for one moment"


def one_number(panel: Panel, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """One number, or one per currency."""
    assert len({row[:-1] for row in rows}) == len(rows) <= 1
    assert all(isinstance(row[-1], NUMBER) for row in rows)


def a_bar_each(panel: Panel, names: list[str], rows: list[tuple[Any, ...]]) -> None:
    """A text and its numbers."""
    assert all(isinstance(row[0], str) and row[0] for row in rows)
    assert all(isinstance(value, NUMBER) for row in rows for value in row[1:])


@pytest.mark.engine
def test_annotations_have_a_time_and_a_text(asked):
    for name, _, sql in ANNOTATIONS:
        names, rows = asked.rows(sql)
        assert {"time", "text"} <= set(names), name
        assert len(rows) == 1, name


@pytest.mark.engine
def test_choices_are_values_with_their_texts(asked):
    assert asked.choices["process"] == ["support", "fulfilment", "checkout"]
    assert set(asked.choices["measure"]) == {"payments", "carts", "orders", "calls"}
    assert set(asked.choices["provider"]) == {"stripe", "adyen", "carrier-one", "carrier-two"}
    assert asked.choices["incident"] == [asked.shop.incident]


@pytest.mark.engine
def test_the_views_say_what_the_api_says(asked):
    toll, [told] = asked.shop.toll, asked.shop.toll.ask("/v1/incidents")
    impacts = {
        (i["process"], i["measure"]): i for i in toll.ask(f"/v1/incidents/{told['id']}/impact")
    }
    _, rows = asked.rows(
        "SELECT process, measure, units_mid, money_low, money_high, currency, root_layer,"
        " adds_money FROM v_costs"
    )
    assert {row[:2] for row in rows} == impacts.keys()
    [payments] = [row for row in rows if row[1] == "payments"]
    said = impacts["checkout", "payments"]
    assert payments[2] == pytest.approx(said["units"]["lost"]["mid"], abs=1)
    lost = said["money"]["lost"]
    assert payments[3:6] == (Decimal(lost["low"]), Decimal(lost["high"]), lost["currency"])
    assert payments[6:] == ("provider", 1)


def test_the_files_are_as_they_are_made():
    assert {path: path.read_text("utf-8") for path in FOLDER.glob("*.json")} == files(), (
        "run `python -m tests.dashboards --write`"
    )


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_is_whole(board):
    made = json.loads(json.dumps(board.json()))
    declared = {v["name"] for v in made["templating"]["list"]}
    used = set(re.findall(r"\$\{(\w+)(?::\w+)?\}", json.dumps(made))) - {"__value"}
    assert used <= declared and PAGE.name in used
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    places = [panel["gridPos"] for panel in made["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"])
             for y in range(p["y"], p["y"] + p["h"])]  # fmt: skip
    assert len(cells) == len(set(cells)), "two panels lie on each other"
    assert {p["datasource"]["uid"] for p in made["panels"]} <= {
        CLICKHOUSE["uid"],
        PROMETHEUS["uid"],
    }
    provisioned = (FOLDER.parent / "provisioning" / "datasources" / "toll.yaml").read_text("utf-8")
    assert all(f"uid: {one['uid']}" in provisioned for one in (CLICKHOUSE, PROMETHEUS))


def test_what_prometheus_is_asked_for_exists():
    asked = {
        name
        for _, panel in PANELS
        for expression in panel.metrics.values()
        for name in re.findall(r"toll_\w+", expression)
    }
    assert asked and asked <= METRICS.keys()
