"""What went wrong as a page, for somebody in a browser. Programs get the same as JSON."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.http.problems import Problem
from api.page.render import render_bare

_TITLES = {
    401: "Toll wants to know who asks",
    403: "This is not for everybody",
    404: "There is nothing here",
    409: "Somebody else was here first",
    422: "Toll cannot read that",
    500: "Toll has stumbled",
    503: "Toll cannot answer just now",
}


def problem_page(request: Request, found: Problem) -> HTMLResponse:
    """A page that needs nothing of what may just be broken: no store, no map, no token."""
    path = str(request.scope["path"])
    return render_bare(
        "problem.html",
        found.status,
        root="../" * (path.count("/") - 1) or "./",
        title=_TITLES.get(found.status, found.title),
        problem=found,
        address=str(request.base_url),
    )
