"""What if: what an outage to come would cost, and what past ones would have cost otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.http.auth import Reading
from api.http.state import State, state_of
from api.page.render import render
from api.routes.whatif import OutageAnswer, WhatIf, WhatIfAnswer, get_outage, replayed
from enrich.model import BusinessMap
from ingest.errors import TollError, UnavailableError

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Asked:
    """What stands in the forms; fields that are left empty ask for nothing."""

    node: str = ""
    lasts: str = "1h"
    at: str = ""
    twin: str = ""
    shorten: str = ""


@router.get("/what-if", response_class=HTMLResponse)
def what_if(
    request: Request,
    caller: Reading,
    node: str = "",
    lasts: str = "1h",
    at: str = "",
    twin: str = "",
    shorten: str = "",
) -> HTMLResponse:
    """Two forms and the answer of the one that was sent."""
    state = state_of(request)
    asked = Asked(node, lasts.strip(), at.strip(), twin, shorten.strip())
    outage: OutageAnswer | None = None
    past: WhatIfAnswer | None = None
    mistake = ""
    try:
        if node and state.outlook().learning is None:
            outage = get_outage(request, caller, node, asked.lasts, asked.at or None)
        if twin or asked.shorten:
            past = _past(state, asked)
    except UnavailableError:
        raise
    except TollError as error:  # what was asked cannot be answered: the page says why
        mistake = str(error)
    page = render(
        state,
        "what_if.html",
        asked=asked,
        outage=outage,
        past=past,
        mistake=mistake,
        nodes=_things(state.parts.map.map),
        titled=state.parts.map.map.called,
    )
    page.status_code = 422 if mistake else 200
    return page


def _past(state: State, asked: Asked) -> WhatIfAnswer:
    twins = [asked.twin] if asked.twin else []
    supposed = {"duplicate": twins, "shorten": asked.shorten or None}
    return replayed(state, WhatIf.model_validate(supposed))


def _things(business_map: BusinessMap) -> list[tuple[str, str]]:
    """Nodes, then processes: name and what it is called."""
    nodes = [(n.name, f"{n.title} ({n.layer})") for n in business_map.nodes.values()]
    whole = [(p.name, f"{p.title} (process)") for p in business_map.processes.values()]
    return [*sorted(nodes, key=lambda pair: pair[1].lower()), *whole]
