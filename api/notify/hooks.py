"""Posting to Slack, Teams and webhooks.

A generic webhook gets a CloudEvent, signed as Standard Webhooks say (standardwebhooks.com): headers
`webhook-id` (the note's key, the same at every attempt), `webhook-timestamp`, and with a secret
`webhook-signature: v1,BASE64`, the HMAC-SHA256 of `id.timestamp.body`. A secret that begins with
`whsec_` is the key in base64, any other is the key itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from api.notify.delivery import DeliveryError, Outgoing
from api.notify.messages import as_cloudevent, as_slack, as_teams
from api.notify.subscribers import Hook, Subscriber

WHOLE_S = 20.0  # of one delivery
_SHOWN = 200  # characters of an answer that says why not
_READ = 4096  # bytes of it that are read at all
_PASSES = frozenset({408, 425, 429})
_MENDABLE = frozenset({401, 403, 404, 407})  # by whoever runs the other side, or the settings


class HookSender:
    """Posts JSON. Redirects are not followed: a secret address is for its owner alone."""

    def __init__(
        self,
        whole_s: float = WHOLE_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._whole_s, self._now, self._transport = whole_s, now, transport

    def send(self, outgoing: Outgoing, to: Subscriber, /) -> None:
        """Return once the other side answered 2xx."""
        assert isinstance(to.way, Hook)
        body, headers = request_of(outgoing, to.way, self._now())
        try:
            asyncio.run(self._post(to.way.url, body, headers))
        except TimeoutError as error:
            raise DeliveryError(f"no answer within {self._whole_s:.0f} s", arrived=True) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.InvalidURL) as error:
            raise DeliveryError(f"cannot connect: {error}") from error
        except httpx2.HTTPError as error:
            said = str(error) or type(error).__name__
            raise DeliveryError(f"the answer broke off: {said}", arrived=True) from error

    def expire(self) -> None:
        """Nothing to do: each delivery ends by itself."""

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        async with (
            asyncio.timeout(self._whole_s),
            httpx2.AsyncClient(transport=self._transport, timeout=self._whole_s) as http,
            http.stream("POST", url, content=body, headers=dict(headers)) as answer,
        ):
            if answer.is_success:
                return
            said = await _beginning(answer)
            code = answer.status_code
            raise DeliveryError(
                f"answers {code} {answer.reason_phrase}{f': {said}' if said else ''}",
                final=400 <= code < 500 and code not in _PASSES | _MENDABLE,
                arrived=code >= 500,
                again_s=_again_s(answer.headers.get("Retry-After", ""), self._now()),
            )


def request_of(outgoing: Outgoing, way: Hook, now: datetime) -> tuple[bytes, dict[str, str]]:
    """(body, headers) of a note."""
    headers = {"User-Agent": "toll (sends notes)", "Content-Type": "application/json"}
    if way.kind == "slack":
        return _json(as_slack(outgoing.lines)), headers
    if way.kind == "teams":
        return _json(as_teams(outgoing.lines)), headers
    body = _json(as_cloudevent(outgoing.told, outgoing.key, outgoing.lines))
    headers["Content-Type"] = "application/cloudevents+json"
    return body, headers | signed(outgoing.key, int(now.timestamp()), body, way.secret)


def signed(key: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers of Standard Webhooks; without a secret, without a signature."""
    headers = {"webhook-id": key, "webhook-timestamp": str(timestamp)}
    if secret:
        raw = secret.encode()
        if secret.startswith("whsec_"):
            raw = b64decode(secret.removeprefix("whsec_"))
        made = hmac.new(raw, f"{key}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{b64encode(made).decode()}"
    return headers


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()


async def _beginning(answer: httpx2.Response) -> str:
    """The first words of an answer."""
    found = b""
    async for part in answer.aiter_bytes():
        found += part
        if len(found) >= _READ:
            break
    return " ".join(found[:_READ].decode("utf-8", "replace").split())[:_SHOWN]


def _again_s(text: str, now: datetime) -> float:
    """What `Retry-After` asks for, in seconds: a number, or a date."""
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
