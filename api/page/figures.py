"""Charts on pages: drawn by the server as pictures, made interactive by script where there is any.

A chart has an address of its own, so that a page is there before its pictures are. With `.svg` it
is drawn, for light or dark paper, for a wide or a narrow window; with `.json` it is the Vega-Lite
spec for both papers, which `static/charts.js` puts in the picture's place. In a page:

    {% from "figure.html" import figure %}
    {{ figure(root ~ "processes/checkout/week", alt="What it shows, in words") }}

and beside it:

    @router.get("/processes/{process}/week.{form}")
    def week(_: Reading, wanted: Wanted, process: str) -> Response:
        return wanted.answer(lambda theme, width: usual_week(expected, theme, width), expected)

Making a spec and drawing it takes longer than all else of a request, so both are done once for what
is shown: the newest few answers are kept.
"""

from __future__ import annotations

import gzip
import hashlib
import pickle
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from api.charts.draw import VERSION, script, to_svg
from api.charts.theme import DARK, LIGHT, Theme
from api.http.state import state_of

router = APIRouter(include_in_schema=False)

NARROW = 358  # pixels: what a telephone of 390 leaves; api/page/templates/figure.html says the same
WIDE = 860
Spec = dict[str, Any]
Make = Callable[[Theme, int | None], Spec]

_THEMES = {"light": LIGHT, "dark": DARK}
# The bundle takes a second to put together, so its name tells what it is made of, not its bytes.
_MADE_OF = f"{version('vl-convert-python')} {VERSION}"
SCRIPT = f"script/vega-{hashlib.sha256(_MADE_OF.encode()).hexdigest()[:12]}.js"


class Picture:
    """In which form, and for which paper and window, a chart was asked for."""

    def __init__(
        self,
        request: Request,
        form: Literal["svg", "json"],
        paper: Literal["light", "dark"] = "light",
        narrow: bool = False,
    ) -> None:
        self._drawn = state_of(request).drawn
        self.form, self.paper, self.narrow = form, paper, narrow

    def answer(self, make: Make, *shown: object) -> Response:
        """The chart that `make` makes of a theme and a width (None: that of what holds it).

        shown: all that the chart depends on beside them. It is not made again for the same.
        """
        kind = f"{make.__module__} {make.__qualname__}"
        key = hashlib.sha256(pickle.dumps((kind, self.form, self.paper, self.narrow, shown)))
        content = self._drawn.get(key.digest(), partial(self._made, make))
        # A page asks anew when its numbers have changed; the address then says so.
        headers = {"Cache-Control": "private, max-age=300"}
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[self.form])

    def _made(self, make: Make) -> bytes:
        if self.form == "json":
            both = {paper: _bare(make(theme, None)) for paper, theme in _THEMES.items()}
            return orjson.dumps(both)
        return to_svg(_bare(make(_THEMES[self.paper], NARROW if self.narrow else WIDE))).encode()


_MEDIA_TYPES = {"svg": "image/svg+xml", "json": "application/json"}
Wanted = Annotated[Picture, Depends(Picture)]


def _bare(spec: Spec) -> Spec:
    """On whatever paper the page has."""
    return spec | {"background": "transparent"}


@router.get(f"/{SCRIPT}")
async def vega(request: Request) -> Response:
    """The script that draws charts in the page. The same for everybody, and never another."""
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    packed, plain = await run_in_threadpool(_bundle)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=_JS)
    return Response(plain, headers=headers, media_type=_JS)


_JS = "text/javascript"


@cache
def _bundle() -> tuple[bytes, bytes]:
    plain = script().encode()
    return gzip.compress(plain, mtime=0), plain
