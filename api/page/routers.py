"""All pages, for the app to serve."""

from __future__ import annotations

from api.page import (
    coverage,
    dead_letters,
    docs,
    figures,
    incident,
    incidents,
    live,
    map,
    now,
    perception,
    portfolio,
    processes,
    providers,
    reports,
    trust,
    what_if,
)

_PAGES = (
    now,
    incident,
    incidents,
    processes,
    map,
    perception,
    providers,
    portfolio,
    what_if,
    coverage,
    trust,
    reports,
    dead_letters,
    docs,
    figures,
    live,
)
ROUTERS = tuple(page.router for page in _PAGES)
