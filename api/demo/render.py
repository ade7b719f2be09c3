"""Events as the lines of the wire format: one JSON object per line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from api.demo.cohorts import CHANNELS, CURRENCIES
from api.demo.world import CALLS, CARTS, ORDERS, PAYMENTS, STATUSES, Events

_PAYMENT = (
    '{"id":"pay-%d-%d","stream":"payments","at":"%sZ","status":"%s","key":"cart-%d",'
    '"customer":"cust-%d","amount":"%d.%02d","currency":"%s","segment":{"channel":"%s"}}'
)
_CART = (
    '{"id":"cart-%d","stream":"carts","at":"%sZ","status":"opened","key":"cart-%d",'
    '"customer":"cust-%d","segment":{"channel":"%s"}}'
)
_PLACED = (
    '{"id":"order-%d-placed","stream":"orders","at":"%sZ","status":"placed","key":"order-%d",'
    '"customer":"cust-%d","amount":"%d.%02d","currency":"%s"}'
)
_STAGE = (
    '{"id":"order-%d-%s","stream":"orders","at":"%sZ","status":"%s","key":"order-%d",'
    '"customer":"cust-%d"}'
)
_CALL = '{"id":"call-%d-%d","stream":"calls","at":"%sZ","status":"ok","customer":"cust-%d"}'


def lines(events: Events) -> list[str]:
    """One line of JSON per event, without line ends, in the order of the events."""
    out = np.empty(len(events), dtype=object)
    priced = events["cents"] >= 0
    for stream, render in _RENDER.items():
        rows = np.flatnonzero(events["stream"] == stream)
        if stream == ORDERS:
            _put(out, rows[priced[rows]], events, _placed)
            rows = rows[~priced[rows]]
        _put(out, rows, events, render)
    found: list[str] = out.tolist()
    return found


def keys(events: Events) -> list[str]:
    """What each event is keyed by in the log, so that all of one cart or order stay together."""
    prefix = {PAYMENTS: "cart", CARTS: "cart", ORDERS: "order", CALLS: "call"}
    pairs = zip(events["stream"].tolist(), events["key"].tolist(), strict=True)
    return [f"{prefix[stream]}-{key}" for stream, key in pairs]


def _put(out: Any, rows: Any, events: Events, render: Any) -> None:
    if len(rows):
        out[rows] = render(events[rows])


def _times(events: Events) -> list[str]:
    times: list[str] = np.datetime_as_string(events["at"].view("M8[ms]")).tolist()
    return times


def _texts(texts: Sequence[str], codes: Any) -> list[str]:
    return [texts[code] for code in codes.tolist()]


def _payments(e: Events) -> list[str]:
    key, euros, cents = e["key"].tolist(), (e["cents"] // 100).tolist(), (e["cents"] % 100).tolist()
    status, currency = _texts(STATUSES, e["status"]), _texts(CURRENCIES, e["currency"])
    part, customer, channel = e["part"].tolist(), e["customer"].tolist(), e["channel"]
    columns = zip(
        key, part, _times(e), status, key, customer, euros, cents, currency,
        _texts(CHANNELS, channel), strict=True,
    )  # fmt: skip
    return [_PAYMENT % row for row in columns]


def _carts(e: Events) -> list[str]:
    key = e["key"].tolist()
    channel = _texts(CHANNELS, e["channel"])
    columns = zip(key, _times(e), key, e["customer"].tolist(), channel, strict=True)
    return [_CART % row for row in columns]


def _placed(e: Events) -> list[str]:
    key, euros, cents = e["key"].tolist(), (e["cents"] // 100).tolist(), (e["cents"] % 100).tolist()
    currency = _texts(CURRENCIES, e["currency"])
    customer = e["customer"].tolist()
    columns = zip(key, _times(e), key, customer, euros, cents, currency, strict=True)
    return [_PLACED % row for row in columns]


def _stages(e: Events) -> list[str]:
    key, status = e["key"].tolist(), _texts(STATUSES, e["status"])
    columns = zip(key, status, _times(e), status, key, e["customer"].tolist(), strict=True)
    return [_STAGE % row for row in columns]


def _calls(e: Events) -> list[str]:
    key, part, customer = e["key"].tolist(), e["part"].tolist(), e["customer"].tolist()
    return [_CALL % row for row in zip(key, part, _times(e), customer, strict=True)]


_RENDER = {PAYMENTS: _payments, CARTS: _carts, ORDERS: _stages, CALLS: _calls}
