"""Names that a shell completes: from the Toll that runs, where one answers at once; else none.

Completing must never be slow nor print anything, so that every failure here is an empty list.
"""

from __future__ import annotations

from typing import Any

import httpx2

from api.cli.options import settings_from
from ingest.errors import TollError

_TIMEOUT = httpx2.Timeout(1.0, connect=0.3)
_SHOWN = 50


def processes(incomplete: str) -> list[tuple[str, str]]:
    """Processes of the map, with their titles."""
    return _beginning(incomplete, _map("processes", "process"))


def nodes(incomplete: str) -> list[tuple[str, str]]:
    """Nodes of the map, with their titles."""
    return _beginning(incomplete, _map("nodes", "node"))


def things(incomplete: str) -> list[tuple[str, str]]:
    """Nodes and processes."""
    return nodes(incomplete) + processes(incomplete)


def incidents(incomplete: str) -> list[tuple[str, str]]:
    """The newest incidents, with their titles."""
    found = _asked(f"/v1/incidents?limit={_SHOWN}")
    rows = found if isinstance(found, list) else []
    return _beginning(incomplete, [(row["id"], row["title"]) for row in rows])


def nodes_and_incidents(incomplete: str) -> list[tuple[str, str]]:
    """What may be supposed not to have been."""
    return nodes(incomplete) + incidents(incomplete)


def _map(section: str, name: str) -> list[tuple[str, str]]:
    found = _asked("/v1/map")
    return [(row[name], row["title"]) for row in found[section]] if found else []


def _beginning(incomplete: str, names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in names if pair[0].startswith(incomplete)][:_SHOWN]


def _asked(path: str) -> Any:
    try:
        settings = settings_from()
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        answer = httpx2.get(f"{settings.url}{path}", headers=headers, timeout=_TIMEOUT)
        return answer.json() if answer.is_success else None
    except (TollError, httpx2.HTTPError, OSError, ValueError):
        return None
