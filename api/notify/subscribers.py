"""Who is told: people and systems with the way to each, and when each wants to hear. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal

Tls = Literal["starttls", "tls", "none"]
PORTS: dict[Tls, int] = {"starttls": 587, "tls": 465, "none": 25}


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes our mail. The password is in no representation of it."""

    host: str
    port: int
    tls: Tls
    sender: str  # the From of every mail
    user: str = ""
    password: str = field(default="", repr=False)
    ca: Path | None = None  # whom to trust besides the system's authorities


@dataclass(frozen=True, slots=True)
class Mail:
    """An address that mail goes to."""

    address: str


@dataclass(frozen=True, slots=True)
class Hook:
    """An address that is posted to. It is a secret itself: whoever knows it may post."""

    kind: Literal["slack", "teams", "webhook"]
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)  # webhook: what bodies are signed with


@dataclass(frozen=True, slots=True)
class Weekly:
    """When the weekly report is sent: weekday (Monday is 0) and time, by the clocks of a zone."""

    weekday: int
    hour: int
    minute: int
    zone: str


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One recipient. `name` is what notes, metrics and the store call it."""

    name: str
    way: Mail | Hook
    processes: tuple[str, ...] = ()  # () means all
    above: Decimal | None = None  # in the company's currency; None: no notes about incidents
    weekly: Weekly | None = None
    zone: str = "UTC"  # whose hours are written
    maintenance: bool = False  # also of planned maintenance
    simulated: bool = False  # also of simulated data

    @property
    def channel(self) -> str:
        """`mail`, `slack`, `teams` or `webhook`."""
        return "mail" if isinstance(self.way, Mail) else self.way.kind

    def hears_of(self, process: str) -> bool:
        """Whether notes to this one speak of a process."""
        return not self.processes or process in self.processes


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """All of the file TOLL_SUBSCRIPTIONS."""

    subscribers: tuple[Subscriber, ...] = ()
    mail: MailServer | None = None
    files: tuple[Path, ...] = ()  # that secrets were read from

    def get(self, name: str) -> Subscriber | None:
        """A subscriber by name."""
        return next((s for s in self.subscribers if s.name == name), None)

    def secrets(self) -> tuple[str, ...]:
        """Everything that must stand in no message of ours, longest first."""
        found = {self.mail.password} if self.mail else set()
        for one in self.subscribers:
            if isinstance(one.way, Hook):
                found |= {one.way.url, one.way.secret}
        return tuple(sorted(found - {""}, key=len, reverse=True))
