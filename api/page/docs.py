"""The HTTP interface as a page that loads nothing from elsewhere."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.http.state import state_of
from api.page.render import render

router = APIRouter(include_in_schema=False)


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request) -> HTMLResponse:
    """The HTTP interface, from its OpenAPI document. Nothing in it is secret."""
    document = request.app.openapi()
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    tags = [
        {**tag, "operations": [o for o in operations if tag["name"] in o["tags"]]}
        for tag in document["tags"]
    ]
    return render(state_of(request), "docs.html", tags=tags, about=document["info"])
