"""A process of its own that sends notes, and kills itself when it is told to."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, cast

from api.notify.delivery import Outgoing, Sender
from api.notify.dispatcher import Dispatcher, senders_of
from api.notify.subscribers import Hook, Mail, MailServer, Subscriber, Subscriptions
from api.run.wiring import Parts
from api.setup.mapfiles import read_map
from ingest.log import Log
from ingest.streams import IngestConfig
from store.records import Note
from store.store import open_store
from tests.api.app import settings_for
from tests.api.notify.notes import told

Death = Literal["", "before the claim", "between claim and send", "between send and mark"]


@dataclass(frozen=True)
class Round:
    """One life of the process."""

    folder: Path
    server: MailServer
    hook: str
    death: Death = ""


class Fatal:
    """A sender that sends, and dies before or after."""

    def __init__(self, inner: Sender, death: Death) -> None:
        self._inner, self._death = inner, death

    def send(self, outgoing: Outgoing, to: Subscriber, /) -> None:
        if self._death == "between claim and send":
            os.kill(os.getpid(), signal.SIGKILL)
        self._inner.send(outgoing, to)
        if self._death == "between send and mark":
            os.kill(os.getpid(), signal.SIGKILL)

    def expire(self) -> None:
        self._inner.expire()


def live(one: Round) -> int | None:
    """Run one life; what it exited with."""
    child = _CONTEXT.Process(target=_send, args=(one,))
    child.start()
    child.join(60)
    return child.exitcode


def _send(one: Round) -> None:
    logging.disable(logging.CRITICAL)
    settings = settings_for(one.folder)
    subscribers = (
        Subscriber("desk", Mail("desk@example.com"), above=Decimal(1)),
        Subscriber("erp", Hook("webhook", one.hook), above=Decimal(1)),
    )
    with closing(open_store(None, one.folder)) as store:
        subscriptions = Subscriptions(subscribers, one.server)
        nowhere = cast(Log, None)  # notes need no log
        parts = Parts(
            settings, IngestConfig(salt=b"s"), read_map(settings.map), nowhere, store, subscriptions
        )
        generation = store.incidents.take_generation("child")
        payload = told().model_dump_json()
        moment = datetime.now(UTC) - timedelta(minutes=1)
        # Every life decides anew that these notes are due, as after a restart without memory.
        store.outbox.queue(
            [Note("i1", "over:10000", s.name, payload, moment, generation) for s in subscribers]
        )
        if one.death == "before the claim":
            os.kill(os.getpid(), signal.SIGKILL)
        inner = senders_of(subscriptions)
        senders = {name: Fatal(sender, one.death) for name, sender in inner.items()}
        dispatcher = Dispatcher(
            parts,
            lambda: generation,
            cast(Callable[..., Any], None),
            senders=senders,
            lease=timedelta(0),  # nobody else can be alive: there is one process at a time
        )
        with ThreadPoolExecutor(1) as pool:  # one after the other, so that each death has its place
            dispatcher.turn(pool)


_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "tests.e2e.notifying"])
