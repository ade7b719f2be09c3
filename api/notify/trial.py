"""A test note: sent at once, by the way that real ones take, and kept nowhere."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from api.notify.delivery import DeliveryError, Outgoing, Sender, shown
from api.notify.messages import lines
from api.notify.subscribers import Subscriber
from api.notify.telling import Telling


def try_out(
    subscriber: Subscriber, sender: Sender, company: str, address: str, hidden: Iterable[str]
) -> str:
    """Send it; returns why it could not be, "" where it was. hidden: what no message may show."""
    told = Telling(kind="test", company=company, zone=subscriber.zone, at=datetime.now(UTC))
    said = lines(told, address, subscriber.name)
    try:
        sender.send(Outgoing(secrets.token_hex(16), told, said), subscriber)
    except DeliveryError as error:
        return shown(str(error), hidden)
    return ""
