"""Specs drawn: SVG and PNG without a browser or a network, HTML with its script inside."""

from __future__ import annotations

import html
import json
import struct
import zlib
from functools import cache
from typing import Any

import vl_convert as vlc

VERSION = "v6.4"  # of Vega-Lite: the one whose schema Altair checks against
SCALE = 2.0  # of PNG, for screens of fine dots

Spec = dict[str, Any]


def to_svg(spec: Spec) -> str:
    """The chart as SVG."""
    return str(vlc.vegalite_to_svg(spec, vl_version=VERSION, allowed_base_urls=[]))


def to_png(spec: Spec, scale: float = SCALE) -> bytes:
    """The chart as PNG."""
    return bytes(vlc.vegalite_to_png(spec, vl_version=VERSION, scale=scale, allowed_base_urls=[]))


def svg_to_png(svg: str, scale: float = SCALE) -> bytes:
    """A chart that is drawn already as PNG, a fifth of what `to_png` makes of it: for mail."""
    return _packed(bytes(vlc.svg_to_png(svg, scale=scale)))


def _packed(png: bytes) -> bytes:
    """The same picture with its data compressed as one."""
    parts, data, at = [png[:8]], [], 8
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            data.append(png[at + 8 : end - 4])
        else:
            parts.append(png[at:end])
        at = end
    packed = b"IDAT" + zlib.compress(zlib.decompress(b"".join(data)))
    chunk = struct.pack(">I", len(packed) - 4) + packed + struct.pack(">I", zlib.crc32(packed))
    return b"".join([*parts[:-1], chunk, parts[-1]])  # the last one says that it ends


@cache
def script() -> str:
    """Vega, Vega-Lite and Vega-Embed in one script that needs nothing else."""
    return str(vlc.javascript_bundle(vl_version=VERSION, snippet="window.vegaEmbed = vegaEmbed;"))


def to_html(light: Spec, dark: Spec) -> str:
    """A page of its own with the chart, as wide as the window, on the paper the reader likes."""
    both = json.dumps({"light": light, "dark": dark}).replace("</", "<\\/")
    name = html.escape(str(light.get("description", "chart")).split(". ")[0])
    return _PAGE.format(name=name, script=script().replace("</script", "<\\/script"), both=both)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0 auto; max-width: 68rem; padding: 1rem .5rem; }}
#chart {{ width: 100%; }}
</style></head><body><main id="chart" aria-label="{name}"></main>
<script type="module">{script}</script>
<script type="module">
const specs = {both};
const dark = matchMedia("(prefers-color-scheme: dark)");
const draw = () => {{
  const spec = specs[dark.matches ? "dark" : "light"];
  document.body.style.background = spec.background;
  window.vegaEmbed("#chart", spec, {{ actions: false, renderer: "svg" }});
}};
dark.addEventListener("change", draw);
draw();
</script></body></html>
"""
