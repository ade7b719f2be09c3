"""One Toll for each test of the outer room."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from api.cli import main
from api.setup.settings import SETTINGS
from store.store import Store
from tests.api.app import Toll, opened, with_tokens
from tests.api.shop import Shop, five_weeks
from tests.clickhouse_engine import Engine


@pytest.fixture
def toll(tmp_path: Path, store: Store) -> Iterator[Toll]:
    """A Toll without tokens."""
    with opened(tmp_path, store) as toll:
        yield toll


@pytest.fixture
def guarded(tmp_path: Path, store: Store) -> Iterator[Toll]:
    """A Toll that asks for tokens."""
    with opened(tmp_path / "guarded", store, tokens=with_tokens()) as toll:
        yield toll


@pytest.fixture(scope="module")
def shop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Five weeks of payments with half of them missing for a while this morning, assessed.

    Shared by the tests of a module, which only read; none of them may ask for `own_engine`.
    """
    with engine.lent() as store, opened(tmp_path_factory.mktemp("shop"), store) as toll:
        yield five_weeks(toll)


@pytest.fixture(scope="module")
def settled(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One outage of four days ago with its final price. Tests leave it as they found it."""
    with engine.lent() as store, opened(tmp_path_factory.mktemp("settled"), store) as toll:
        yield five_weeks(toll, timedelta(days=4))  # everything has settled since


@pytest.fixture
def cli(monkeypatch, capsys, tmp_path):
    """Runs one command line; gives (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("logging.basicConfig", lambda **_: None)
    for setting in SETTINGS:
        monkeypatch.delenv(setting.variable, raising=False)
    monkeypatch.setenv("COLUMNS", "80")

    def run(line: str):
        monkeypatch.setattr(sys, "argv", ["toll", *shlex.split(line)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


@pytest.fixture
def alone(monkeypatch):
    """No Toll runs."""
    monkeypatch.setattr("api.client._answers", lambda _: False)
