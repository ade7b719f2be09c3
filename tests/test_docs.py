"""README.md says what the code says."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from api.cli.main import EXIT_CODES, app
from tests.docs import README, TABLES, filled, table

DOCS = README.parent / "docs"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_up_to_date(name):
    text = README.read_text("utf-8")
    assert f"<!-- table: {name} -->\n" in text, "the marker of this table is missing"
    stale = f"{TABLES[name]()}<!-- end -->" not in text
    assert not stale, "run `python -m tests.docs --write`"


def test_filling_twice_changes_nothing_more():
    text = filled(README.read_text("utf-8"))
    assert filled(text) == text


def test_every_exit_code_is_told():
    told = " ".join(README.read_text("utf-8").split())
    assert all(f" {code} " in told for code in EXIT_CODES if code < 128)  # above: signals


def test_a_bar_in_a_cell_does_not_end_it():
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |\n"


def test_the_walk_shows_what_checking_its_map_prints(monkeypatch):
    monkeypatch.chdir(README.parent)
    said = CliRunner().invoke(app, ["check", "deploy/examples/github/map.yaml"]).stdout
    assert said and said in (DOCS / "github.md").read_text("utf-8")
