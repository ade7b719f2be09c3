"""What goes out, and what can come of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from api.notify.messages import Lines
from api.notify.subscribers import Subscriber
from api.notify.telling import Telling
from ingest.errors import TollError


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail. `cid` is set where the HTML shows it."""

    name: str
    media_type: str
    content: bytes
    cid: str = ""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One note, ready to be sent. `key` is the same at every attempt, so that repeats are known."""

    key: str
    told: Telling
    lines: Lines
    html: str = ""  # of a weekly report: in place of the HTML that the lines make
    text: str = ""
    attachments: tuple[Attachment, ...] = ()


def shown(text: str, secrets: Iterable[str]) -> str:
    """The text without secrets, the longest first: one may hold another."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


class DeliveryError(TollError):
    """An attempt failed. The message may be shown: it holds no secret.

    final: it would fail again, so there is no other. arrived: perhaps it did arrive. again_s: what
    the other side asks to wait at least.
    """

    def __init__(
        self, message: str, *, final: bool = False, arrived: bool = False, again_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.final, self.arrived, self.again_s = final, arrived, again_s


class Sender(Protocol):
    """One way of sending. Safe to use from several threads."""

    def send(self, outgoing: Outgoing, to: Subscriber, /) -> None:
        """Return once the other side has taken it; raise `DeliveryError` where it has not."""

    def expire(self) -> None:
        """Cut off what has taken too long."""
