"""Request bodies with a limit that also holds for what they unpack to."""

from __future__ import annotations

import zlib

from fastapi import HTTPException, Request


async def read_body(request: Request, limit: int) -> bytes:
    """The body, unpacked where it is gzip or deflate; never more than `limit` bytes.

    413 for more than that, 415 for another encoding, 400 for broken compression.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "deflate", ""}:
        raise HTTPException(415, f"Content-Encoding '{encoding}': send gzip, deflate or none")
    unpack = zlib.decompressobj(wbits=47) if encoding in {"gzip", "deflate"} else None
    parts: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            part = chunk if unpack is None else unpack.decompress(chunk, limit - size + 1)
            size += len(part)
            parts.append(part)
            if size > limit:
                raise HTTPException(413, f"the body is over {limit} bytes; send it in parts")
    except zlib.error as error:
        raise HTTPException(400, f"the body is not {encoding}: {error}") from error
    if unpack is not None and not unpack.eof:
        raise HTTPException(400, f"the {encoding} body ends too early")
    return b"".join(parts)
