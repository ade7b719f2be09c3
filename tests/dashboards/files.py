"""The boards as files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.dashboards.boards import BOARDS

FOLDER = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards"


def files() -> dict[Path, str]:
    """What stands in each file."""
    return {
        FOLDER / f"{board.uid}.json": json.dumps(board.json(), indent=1) + "\n" for board in BOARDS
    }
