"""One Toll for each test of the outer room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture(scope="package")
def shop(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Five weeks of payments with half of them missing for a while this morning, assessed.

    Shared by tests that only read.
    """
    store = Store(engine.migrated("chdb"))
    with opened(tmp_path_factory.mktemp("shop"), store) as toll:
        yield five_weeks(toll)
    store.close()
    engine.empty(store.database.name)
