"""Names that a shell completes: from the Toll that runs, where one answers at once; else none.

Completing must never be slow nor print anything, so that every failure here is an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import httpx2

from api.cli.options import settings_from
from api.client import trusting
from ingest.errors import TollError

_TIMEOUT = httpx2.Timeout(1.0, connect=0.3)
_SHOWN = 50
Names: TypeAlias = list[tuple[str, str]]  # with what each is called


def processes(incomplete: str) -> Names:
    """Processes of the map, with their titles."""
    return _of_the_map(incomplete, "processes", "process")


def nodes(incomplete: str) -> Names:
    """Nodes of the map, with their titles."""
    return _of_the_map(incomplete, "nodes", "node")


def things(incomplete: str) -> Names:
    """Nodes and processes."""
    return nodes(incomplete) + processes(incomplete)


def incidents(incomplete: str) -> Names:
    """The newest incidents, with their titles."""
    return _asked(
        incomplete,
        f"/v1/incidents?limit={_SHOWN}",
        lambda found: [(row["id"], row["title"]) for row in found],
    )


def nodes_and_incidents(incomplete: str) -> Names:
    """What may be supposed not to have been."""
    return nodes(incomplete) + incidents(incomplete)


def _of_the_map(incomplete: str, section: str, name: str) -> Names:
    return _asked(
        incomplete, "/v1/map", lambda found: [(row[name], row["title"]) for row in found[section]]
    )


def _asked(incomplete: str, path: str, read: Callable[[Any], Names]) -> Names:
    """The names that begin so; none where whatever answers is no Toll, or does not say."""
    try:
        settings = settings_from()
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        answer = httpx2.get(
            f"{settings.url}{path}",
            headers=headers,
            timeout=_TIMEOUT,
            verify=trusting(settings.url),
        )
        names = read(answer.json()) if answer.is_success else []
        return [pair for pair in names if pair[0].startswith(incomplete)][:_SHOWN]
    except (TollError, httpx2.HTTPError, OSError, ValueError, LookupError, TypeError):
        return []
