"""How every page is made: one layout, one set of filters, one policy. Rendered on the server.

Links are relative, so that the pages also work behind a token in the path, or behind a proxy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from api import words
from api.ask.shortfall_pictures import drawable
from api.http.state import State
from api.page import figures
from enrich.mapwrite import promise_text

_POLICY = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"


def render(state: State, template: str, root: str = "./", **values: Any) -> HTMLResponse:
    """A page; `root` is the way from it to the first page."""
    business_map = state.parts.map.map
    html = _environment(business_map.timezone).get_template(template)
    return _response(
        html.render(
            root=root,
            company=business_map.company,
            company_currency=business_map.currency,
            timezone=business_map.timezone,
            simulated=state.simulated,
            learning=state.outlook().learning,
            now=datetime.now(UTC),
            vega=figures.SCRIPT,
            **values,
        )
    )


def render_bare(template: str, status: int, **values: Any) -> HTMLResponse:
    """A page outside the layout, made without the state: it may be what is broken."""
    return _response(_environment("UTC").get_template(template).render(**values), status)


def _response(html: str, status: int = 200) -> HTMLResponse:
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": _POLICY}
    return HTMLResponse(html, status, headers)


_NUMBERS: Mapping[str, Callable[..., str]] = {
    "money": words.money,
    "money_range": words.money_range,
    "per_minute": words.amount,
    "plain_amount": words.plain_amount,
    "sentence": words.sentence,
    "counted": words.count,
    "units": words.units,
    "units_range": words.units_range,
}


def minus(text: str) -> str:
    """A text with a minus sign, not a hyphen, before each negative number."""
    return re.sub(r"(?<![\w.,–-])-(?=\d)", "−", text)


def coded(text: str) -> Markup:
    """A text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _set(said: Callable[..., str]) -> Callable[..., str]:
    return lambda *values: minus(said(*values))


@cache  # compiling the templates takes longer than filling them
def _environment(timezone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("api.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = ZoneInfo(timezone)
    environment.filters |= {
        "arrows": lambda path: path.replace("->", "→"),
        "age": words.age,
        "availability": words.availability,
        "capped": lambda text: text[:1].upper() + text[1:],
        "clock": lambda moment: clock(moment, zone),
        "coded": coded,
        "is_link": lambda url: re.fullmatch(r"https?://[^\s<>]+", url) is not None,
        "lasted": lambda minutes: words.lasted(timedelta(minutes=minutes)),
        "percent": lambda share: f"{100 * share:.2f} %",
        "promise": promise_text,
        "minus": minus,
        "words": words.words,
    }
    for name, said in _NUMBERS.items():
        environment.filters[name] = _set(said)
    environment.tests["drawable"] = drawable
    return environment


def clock(moment: datetime, zone: ZoneInfo) -> str:
    """A time of day, with its date where it is not today."""
    local = moment.astimezone(zone)
    same_day = local.date() == datetime.now(zone).date()
    if same_day:
        return local.strftime("%H:%M")
    this_year = local.year == datetime.now(zone).year
    return local.strftime("%a %d %b %H:%M" if this_year else "%d %b %Y %H:%M")
