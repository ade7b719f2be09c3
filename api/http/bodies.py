"""Request bodies with a limit that also holds for what they unpack to."""

from __future__ import annotations

import zlib
from typing import TypeVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

Model = TypeVar("Model", bound=BaseModel)
_ANY_ZLIB = 47  # gzip or zlib, told apart by the header


def as_model(body: bytes, model: type[Model]) -> Model:
    """The body as JSON of a model; with 422 and every mistake, as FastAPI says them, otherwise."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


async def read_body(request: Request, limit: int, left_packed: str = "") -> bytes:
    """The body, unpacked where it is gzip or deflate; never more than `limit` bytes.

    A body in the encoding `left_packed` is given as it is.

    413 for more than that, 415 for another encoding, 400 for broken compression.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "deflate", "", left_packed}:
        raise HTTPException(415, f"Content-Encoding '{encoding}': send gzip, deflate or none")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        raise _too_large(limit)
    unpacking = Unpacking(limit) if encoding in {"gzip", "deflate"} else None
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            part = chunk if unpacking is None else unpacking.feed(chunk)
            size += len(part)
            parts.append(part)
            if size > limit:
                raise _too_large(limit)
    except zlib.error as error:
        raise HTTPException(400, f"the body is not {encoding}: {error}") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the connection ended before the body did") from error
    if unpacking is not None and not unpacking.complete:
        raise HTTPException(400, f"the {encoding} body ends too early")
    return b"".join(parts)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is over {limit:,} bytes; send it in parts")


class Unpacking:
    """Unpacks a body chunk by chunk, its members one after another (files may be joined so)."""

    def __init__(self, limit: int) -> None:
        self._room = limit + 1  # one byte beyond the limit tells that there was more
        self._member = zlib.decompressobj(wbits=_ANY_ZLIB)

    @property
    def complete(self) -> bool:
        """Whether the last member has come to its end."""
        return self._member.eof

    def feed(self, chunk: bytes) -> bytes:
        """What a chunk unpacks to, but never more in all than one byte beyond the limit."""
        parts = []
        while chunk and self._room > 0:
            if self._member.eof:
                chunk = chunk.lstrip(b"\0")  # padding between members, as gzip allows
                if not chunk:
                    break
                self._member = zlib.decompressobj(wbits=_ANY_ZLIB)
            part = self._member.decompress(chunk, self._room)
            self._room -= len(part)
            parts.append(part)
            chunk = self._member.unused_data
        return b"".join(parts)
