"""Sends what the outbox holds: once, as far as the other side lets us know.

An attempt is *claimed* before anything is sent: a row that says so is durable first, and of several
claims of one attempt the store takes one. Afterwards the row says how it went. So a note is sent
once, across restarts and assessors that take over from each other, but for one gap that no sender
of mail can close: if a process dies (or the answer is lost) after the other side took the note and
before that was written down, nobody knows whether it arrived. Then it is sent again, since a second
note does less harm than none. The repeat has the same Message-ID, `webhook-id` and event id, by
which it can be told, and its words say so. It waits until the first attempt cannot be going on any
more (`LEASE`), so a process that only sleeps is not overtaken.

Each hook has a place of its own among those that send at once, and mail a few: whoever is slow
keeps nobody else waiting. What fails is tried again, ever later, for a day.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from threading import Event, Lock
from zoneinfo import ZoneInfo

from api.ask.simulated import is_all_simulated, simulated_streams
from api.notify.delivery import Attachment, DeliveryError, Outgoing, Sender, shown
from api.notify.headline import foreword, headline_of
from api.notify.hooks import HookSender
from api.notify.messages import lines
from api.notify.smtp import SmtpSender
from api.notify.subscribers import Mail, Subscriber, Subscriptions
from api.notify.telling import Telling, key_of
from api.notify.weekly import due, weekly_note
from api.report.issue import IssuedReport
from api.report.week import Week
from api.run.wiring import Parts
from ingest.errors import TollError, UnavailableError
from store.records import Note

logger = logging.getLogger(__name__)

TURN_S = 1.0
LEASE = timedelta(seconds=90)  # longer than any attempt lasts
GIVE_UP = timedelta(days=1)
FIRST_WAIT_S, LONGEST_WAIT_S = 30.0, 3600.0
LONGEST_ASKED_S = 6 * 3600.0  # of a `Retry-After`
JITTER = 0.2
MAILS = 4  # at once
AT_ONCE = 256  # of all ways: each hook has one place, and threads are made when they are needed
MARK_TRIES = 6
MAYBE = "; it may have arrived"


Reports = Callable[[Week, datetime], IssuedReport]


def senders_of(subscriptions: Subscriptions) -> Mapping[str, Sender]:
    """How each channel sends."""
    hooks = HookSender()
    found: dict[str, Sender] = {"slack": hooks, "teams": hooks, "webhook": hooks}
    if subscriptions.mail is not None:
        found["mail"] = SmtpSender(subscriptions.mail)
    return found


class Dispatcher:
    """Sends the notes of the outbox while `active` gives the generation of this assessor."""

    def __init__(
        self,
        parts: Parts,
        active: Callable[[], int | None],
        reports: Reports,
        *,
        senders: Mapping[str, Sender] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        lease: timedelta = LEASE,
    ) -> None:
        self._parts, self._active, self._reports, self._now = parts, active, reports, now
        self._outbox = parts.store.outbox
        self._given = senders
        self._subscriptions, self._senders = parts.subscriptions, senders or {}
        self._known: Subscriptions | None = None  # whose senders these are
        self._hidden: frozenset[str] = frozenset()  # every secret there has been
        self._lease = lease
        self._queued: set[tuple[str, datetime]] = set()  # reports, by subscriber and moment
        self._flying: dict[tuple[str, str, str], str] = {}  # note -> its place
        self._lock = Lock()
        self._report_lock = Lock()
        self._stop = Event()
        self.counts: Counter[tuple[str, str]] = Counter()  # (channel, sent|failed|given_up)
        self.waiting = 0  # notes that are not sent yet

    def run(self, stop: Event, pool: Executor) -> None:
        """Send until told to stop."""
        self._stop = stop
        while not stop.is_set():
            self.turn(pool)
            stop.wait(TURN_S)

    def turn(self, pool: Executor) -> None:
        """Begin what is due and has a place free; `pool` does it."""
        generation = self._active()
        if generation is None:
            return
        now = self._now()
        self._take_up()
        self._queue_reports(now, generation)
        for sender in self._senders.values():
            sender.expire()
        unsent = self._outbox.find("pending", "sending")
        self.waiting = len(unsent)
        for note in unsent:
            if note.key in self._flying or not self._ready(note, now):
                continue
            subscriber = self._subscriptions.get(note.subscriber)
            if subscriber is None or subscriber.channel not in self._senders:
                self._give_up(note, now, "there is no such subscriber any more")
            elif note.created_at + GIVE_UP <= now:
                self._give_up(note, now, note.error or "nobody could send it for a day")
            elif _outdated(note, unsent):
                self._give_up(note, now, "a newer note took its place")
            else:
                self._begin(note, subscriber, generation, pool)

    def _take_up(self) -> None:
        """Follow the subscriptions in force, which may be others than at the last turn."""
        self._subscriptions = self._parts.subscriptions
        self._hidden |= frozenset(self._subscriptions.secrets())
        if self._given is None and self._known is not self._subscriptions:
            self._senders = senders_of(self._subscriptions)
        self._known = self._subscriptions

    def _ready(self, note: Note, now: datetime) -> bool:
        if note.state == "sending":  # by whom it was claimed has stopped, or still tries
            return (note.changed_at or note.created_at) + self._lease <= now
        return (note.due_at or note.created_at) <= now

    def _begin(self, note: Note, subscriber: Subscriber, generation: int, pool: Executor) -> None:
        mail = isinstance(subscriber.way, Mail)
        place = "mail" if mail else subscriber.name
        with self._lock:
            if sum(p == place for p in self._flying.values()) >= (MAILS if mail else 1):
                return
            self._flying[note.key] = place

        def ended(_: Future[None]) -> None:
            with self._lock:
                del self._flying[note.key]

        pool.submit(self._work, note, subscriber, generation).add_done_callback(ended)

    def _work(self, note: Note, subscriber: Subscriber, generation: int) -> None:
        """One attempt, from claim to mark, on a thread of its own."""
        try:
            if self._parts.store.incidents.generation() != generation:
                return  # another assessor is active: what is to be sent is its business
            claimed = self._outbox.claim(note, self._now(), generation)
            if claimed is not None:
                self._attempt(claimed, subscriber, again=_may_have_arrived(note))
        except TollError as error:
            logger.warning("a note to %s waits: %s", subscriber.name, self._shown(str(error)))
        except Exception as error:  # noqa: BLE001  # the top of a thread: nobody else is told
            # Without the trace: the message at its end may hold an address, which is a secret.
            logger.error(
                "a note to %s failed: %s: %s",
                subscriber.name,
                type(error).__name__,
                self._shown(str(error)),
            )

    def _attempt(self, note: Note, subscriber: Subscriber, *, again: bool) -> None:
        try:
            outgoing = self._outgoing(note, subscriber, again=again)
            self._senders[subscriber.channel].send(outgoing, subscriber)
        except DeliveryError as error:
            self._failed(note, subscriber, error, maybe=again or error.arrived)
        except TollError as error:  # a report that could not be made
            self._failed(note, subscriber, DeliveryError(str(error)), maybe=again)
        else:
            self.counts[subscriber.channel, "sent"] += 1
            self._mark(lambda: self._outbox.sent(note, self._now()))

    def _failed(
        self, note: Note, subscriber: Subscriber, error: DeliveryError, *, maybe: bool
    ) -> None:
        """maybe: this attempt or one before it may have arrived."""
        now, said = self._now(), self._shown(str(error)) + (MAYBE if maybe else "")
        due_at = now + timedelta(seconds=max(wait_s(note), min(error.again_s, LONGEST_ASKED_S)))
        give_up = error.final or due_at >= note.created_at + GIVE_UP
        self.counts[subscriber.channel, "failed"] += 1
        if give_up:
            self.counts[subscriber.channel, "given_up"] += 1
        logger.warning(
            "note '%s' to %s %s: %s",
            note.rule,
            subscriber.name,
            "is given up" if give_up else f"is tried again at {due_at:%H:%M:%S} UTC",
            said,
        )
        self._mark(lambda: self._outbox.failed(note, now, said, due_at=due_at, give_up=give_up))

    def _give_up(self, note: Note, now: datetime, why: str) -> None:
        logger.warning("note '%s' to %s is given up: %s", note.rule, note.subscriber, why)
        subscriber = self._subscriptions.get(note.subscriber)
        self.counts[subscriber.channel if subscriber else "none", "given_up"] += 1
        self._outbox.failed(note, now, why, give_up=True)

    def _mark(self, write: Callable[[], None]) -> None:
        """Write down how it went; as long as that fails, the note may be sent again."""
        for _ in range(MARK_TRIES - 1):
            with suppress(UnavailableError):
                write()
                return
            self._stop.wait(LEASE.total_seconds() / MARK_TRIES / 2)
        write()

    def _outgoing(self, note: Note, subscriber: Subscriber, *, again: bool) -> Outgoing:
        told = Telling.model_validate_json(note.payload)
        key = key_of(*note.key)
        if told.kind != "weekly":
            said = lines(told, self._parts.settings.address, subscriber.name, again=again)
            return Outgoing(key, told, said)
        report = self._report(told.week)
        facts = report.facts
        headline = headline_of(facts, subscriber.processes)
        made_up = facts.simulated == "all"
        told = told.model_copy(
            update={"title": facts.subject, "headline": headline, "simulated": made_up}
        )
        above = tuple(foreword(headline, facts.company)) if subscriber.processes else ()
        html, images = report.mail_html(above)
        return Outgoing(
            key,
            told,
            lines(told, self._parts.settings.address, subscriber.name, again=again),
            html,
            report.mail_text(above),
            (
                *(Attachment("", "image/png", i.content, i.cid) for i in images),
                Attachment(f"toll-{told.week}.pdf", "application/pdf", report.pdf),
            ),
        )

    def _report(self, week: str) -> IssuedReport:
        """The report, made by one thread where several want it at once."""
        with self._report_lock:
            report = self._reports(Week.parse(week), self._now())
        if report.provisional and (why := report.facts.waits_for):
            raise UnavailableError(f"the report waits: {why}")
        return report

    def _made_up(self, moment: datetime) -> bool:
        """Whether all that the report of a moment would count is simulated."""
        business_map = self._parts.map.map
        zone = ZoneInfo(business_map.timezone)
        bounds = Week.last_over(moment, zone).bounds(zone)
        return is_all_simulated(business_map, simulated_streams(self._parts, *bounds))

    def _queue_reports(self, now: datetime, generation: int) -> None:
        """Queue the weekly reports that are due; one that was queued before stays as it is."""
        business_map = self._parts.map.map
        notes = []
        for subscriber in self._subscriptions.subscribers:
            moment = due(subscriber.weekly, now) if subscriber.weekly else None
            if moment is None or (subscriber.name, moment) in self._queued:
                continue
            self._queued.add((subscriber.name, moment))
            if subscriber.simulated or not self._made_up(moment):
                notes.append(weekly_note(subscriber, business_map, moment, generation))
        self._outbox.queue(notes)

    def _shown(self, text: str) -> str:
        return shown(text, self._hidden)


def wait_s(note: Note) -> float:
    """Seconds until the next attempt: twice as long after each, and a little off for each note."""
    longer = min(FIRST_WAIT_S * 2.0 ** min(max(note.attempts - 1, 0), 20), LONGEST_WAIT_S)
    return longer * (1 + Random(f"{note.key} {note.attempts}").uniform(-JITTER, JITTER))


def _may_have_arrived(note: Note) -> bool:
    return note.state == "sending" or note.error.endswith(MAYBE)


def _outdated(note: Note, unsent: Sequence[Note]) -> bool:
    """Whether a later note on the same incident waits for the same subscriber: it says more."""
    return note.incident != "" and any(
        (n.incident, n.subscriber) == (note.incident, note.subscriber)
        and n.created_at > note.created_at
        for n in unsent
    )
