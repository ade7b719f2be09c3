"""Signatures of webhooks: HMAC-SHA256 of the body, by a secret that the sender shares with us.

Several secrets may be known and several signatures given, so that a secret can be changed without
losing a delivery: one that fits is enough. What is signed is the body after decompression; no
sender of these compresses.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from fastapi import HTTPException, Request

from api.setup.settings import Settings


@dataclass(frozen=True, slots=True)
class Signed:
    """How a format signs: `HEADER: PREFIX<hex>[,PREFIX<hex>...]`, and the setting with secrets."""

    header: str
    prefix: str
    setting: str


SIGNED: Mapping[str, Signed] = MappingProxyType(
    {
        "github": Signed("X-Hub-Signature-256", "sha256=", "github_secrets"),
        "pagerduty": Signed("X-PagerDuty-Signature", "v1=", "pagerduty_secrets"),
    }
)


def check_signature(request: Request, body: bytes, format: str, settings: Settings) -> None:
    """403 where secrets are known for this format and none of them made a signature of the body."""
    signed = SIGNED.get(format)
    secrets: tuple[str, ...] = getattr(settings, signed.setting) if signed else ()
    if signed is None or not secrets:
        return
    if not fits(body, request.headers.get(signed.header, ""), signed.prefix, secrets):
        raise HTTPException(
            403,
            f"{signed.header} is missing, or made with a secret that is not in "
            f"TOLL_{signed.setting.upper()}",
        )


def fits(body: bytes, header: str, prefix: str, secrets: Iterable[str]) -> bool:
    """Whether a signature in the header is one of the body; how it fails takes no less time."""
    given = [
        part.strip().removeprefix(prefix).lower().encode()
        for part in header.split(",")
        if part.strip().startswith(prefix)
    ]
    found = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode()
        for one in given:
            found |= hmac.compare_digest(one, expected)
    return found
