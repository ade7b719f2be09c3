"""The HTTP side as one FastAPI app over a `State`."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from api.http import problems
from api.http.auth import guard
from api.http.state import State
from api.page.problem import problem_page
from api.page.routers import ROUTERS
from api.routes import (
    business,
    cloudevents,
    coverage,
    dead_letters,
    drop_in,
    health,
    incidents,
    maps,
    nodes,
    notes,
    otlp,
    perception,
    portfolio,
    processes,
    providers,
    remote_write,
    reports,
    signals,
    silent,
    summary,
    trust,
    whatif,
)

_DESCRIPTION = """
What an outage costs the business while it burns: units and money, each with a range that holds the
truth nine times out of ten, why, and whose.

Times are RFC 3339 UTC. Money is a decimal string with its currency. Errors are
`application/problem+json`. A 2xx for something sent in means that the log has it durably.
"""


def build_app(state: State) -> FastAPI:
    """The app; everything it needs is in the state."""
    app = FastAPI(
        title="Toll",
        version=version("toll"),
        description=_DESCRIPTION,
        docs_url=None,  # `api.page` has one that loads nothing from elsewhere
        redoc_url=None,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_tags=[
            {"name": "in", "description": "What comes in: business events and signals."},
            {"name": "numbers", "description": "Incidents and what they cost."},
            {"name": "map", "description": "Processes, nodes, and who needs what."},
            {"name": "data", "description": "What is known, what is missing, what was unreadable."},
            {"name": "health", "description": "Toll itself."},
        ],
    )
    app.state.toll = state
    problems.install(app, problem_page)
    guard(app, state.tokens)
    for module in (
        business,
        cloudevents,  # before those whose paths take any format
        signals,
        otlp,
        remote_write,
        drop_in,
        incidents,
        processes,
        summary,
        notes,
        silent,
        perception,
        providers,
        portfolio,
        whatif,
        nodes,
        maps,
        trust,
        reports,
        coverage,
        dead_letters,
    ):
        app.include_router(module.router)
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=str(files("api.page") / "static")), name="static")
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = problems.describe(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI documents it
    return app
