"""Every error of the HTTP side: `application/problem+json` (RFC 9457), in a browser a page.

What a caller sees says what to do; stack traces stay in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from ingest.errors import BusyError, InputError, NotFoundError, TollError, UnavailableError

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong, and what to do."""

    type: str = Field(default="about:blank", description="Always this: the status says the kind.")
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What was wrong with this request, and what to do.",
        examples=["no incident 'inc-1'; `toll incidents` lists them"],
    )
    errors: list[dict[str, Any]] | None = Field(
        None, description="Each mistake, where there may be several."
    )


_REFERENCE = {"$ref": "#/components/schemas/Problem"}


class ListedError(InputError):
    """Input with several mistakes, each told in `errors`."""

    def __init__(self, message: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(message)
        self.errors = errors


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problem answers of a route, for OpenAPI. 421: without tokens, see `api.http.auth`."""
    described = {}
    for status in sorted({*statuses, 421, 500}):
        described[status] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": _REFERENCE}},
        }
    return described  # type: ignore[return-value]  # FastAPI's own key type is int | str


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Complete an OpenAPI document: the shape of problems, in place of FastAPI's own errors."""
    schemas = document["components"]["schemas"]
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    unreadable = responses(422)[422]
    for methods in document["paths"].values():
        for operation in methods.values():
            if "422" in operation["responses"]:
                operation["responses"]["422"] = unreadable
    return document


def problem(status: int, detail: str) -> JSONResponse:
    """One problem as a response."""
    return _as_json(_problem(status, detail))


def _problem(status: int, detail: str, errors: list[dict[str, Any]] | None = None) -> Problem:
    phrase = HTTPStatus(status).phrase
    return Problem(title=phrase, status=status, detail=detail, errors=errors)


def _as_json(found: Problem) -> JSONResponse:
    body = found.model_dump(exclude_none=True)
    return JSONResponse(body, found.status, media_type=MEDIA_TYPE)


_SAID = {
    404: "nothing is served at this path; /docs lists what is",
    405: "this path is not served with this method; /docs lists what is",
}


def _status_of(error: TollError) -> int:
    if isinstance(error, InputError):
        return 422
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, UnavailableError):
        return 503
    return 409 if isinstance(error, BusyError) else 500


Page = Callable[[Request, Problem], Response]


def _for_people(request: Request) -> bool:
    """Whether it is a browser that asks, and for its reader; a script of a page takes JSON, too."""
    accepted = request.headers.get("accept", "")
    return "text/html" in accepted and MEDIA_TYPE not in accepted


def install(app: FastAPI, page: Page | None = None) -> None:
    """Turn every error of the app into a problem, and into a page of it where browsers come.

    None shows a stack trace.
    """

    def answer(
        request: Request,
        status: int,
        detail: str,
        *,
        errors: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        found = _problem(status, detail, errors)
        response = page(request, found) if page and _for_people(request) else _as_json(found)
        response.headers.update({"Vary": "Accept", **(headers or {})})
        return response

    @app.exception_handler(TollError)
    async def toll_error(request: Request, error: TollError) -> Response:
        headers = {"Retry-After": "5"} if error.retriable else None
        listed = error.errors if isinstance(error, ListedError) else None
        return answer(request, _status_of(error), str(error), errors=listed, headers=headers)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        said = str(error.detail)
        if said == HTTPStatus(error.status_code).phrase:  # the framework's own, which says nothing
            said = _SAID.get(error.status_code, said)
        return answer(request, error.status_code, said, headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = [
            {"where": ".".join(map(str, e["loc"])) or "the body", "what": str(e["msg"])}
            for e in error.errors()
        ]
        said = "; ".join(f"{e['where']}: {e['what']}" for e in found)
        return answer(request, 422, said, errors=found)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        logger.error("unexpected error on %s", request.scope.get("path"), exc_info=error)
        return answer(request, 500, "unexpected error; Toll's log has the details")
