"""The HTTP side of a part that serves nothing else: health and metrics."""

from __future__ import annotations

from fastapi import FastAPI

from api.http import problems
from api.http.auth import guard
from api.http.state import State
from api.routes import health


def build_health_app(state: State) -> FastAPI:
    """`/health/live`, `/health/ready` and `/metrics` of an ingester or an assessor."""
    app = FastAPI(title="Toll", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.toll = state
    problems.install(app)
    guard(app, state.tokens)
    app.include_router(health.router)
    return app
