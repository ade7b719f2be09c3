"""Opening the parts that the settings name."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.run.wiring import open_parts
from api.setup.settings import read_settings
from ingest.embedded import EmbeddedLog
from ingest.errors import BusyError
from tests.api.app import SHOP


def test_a_folder_that_another_toll_has_is_refused_before_the_engine_is_touched(
    tmp_path: Path,
) -> None:
    environ = {"TOLL_MAP": str(SHOP), "TOLL_DATA": str(tmp_path)}
    first = EmbeddedLog(tmp_path / "log.sqlite")
    refused = pytest.raises(BusyError, match="in use by process")
    with refused, open_parts(read_settings(environ=environ, file=Path("none"))):
        pass
    first.close()
    assert not (tmp_path / "store").exists()
