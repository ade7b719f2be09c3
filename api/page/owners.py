"""Who is to be called: the owners of a cause and of the processes it reaches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from api.http import schemas
from enrich.model import BusinessMap

_MAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\.[^@\s<>\"']+")


@dataclass(frozen=True)
class Owner:
    """Somebody of the map, what of this they own, and how to reach them."""

    name: str
    owns: str  # titles: Stripe, Web checkout
    reach: str  # as the map says it; may be empty
    link: str  # mailto: or https:, where that can be made of it


def owners(incident: schemas.Incident, business_map: BusinessMap) -> tuple[Owner, ...]:
    """The owner of the cause first, then those of the processes; each once."""
    owned: dict[str, list[str]] = {}
    for name in dict.fromkeys([incident.root, *(r.process for r in incident.reached)]):
        found = business_map.processes.get(name) or business_map.nodes.get(name)
        if found is not None and found.owner:
            owned.setdefault(found.owner, []).append(found.title)
    return tuple(
        Owner(
            name, ", ".join(titles), reach := business_map.owners.get(name, ""), _link(name, reach)
        )
        for name, titles in owned.items()
    )


def _link(name: str, reach: str) -> str:
    for text in (reach, name):
        if re.fullmatch(r"https?://\S+", text):
            return text
        if _MAIL.fullmatch(text):
            return f"mailto:{text}"
    return ""
