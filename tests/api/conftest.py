"""One Toll for each test of the outer room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.store import Store
from tests.api.app import Toll, opened, with_tokens


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
