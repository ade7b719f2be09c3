"""What is queued is sent: once, in whatever way the first attempts go."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest

from api.notify.delivery import DeliveryError
from api.notify.dispatcher import AT_ONCE, LEASE, MAILS, wait_s
from api.notify.messages import as_text
from api.notify.subscribers import Hook, Subscriptions, Weekly
from api.report.issue import IssuedReport
from api.report.week import Week
from ingest.errors import UnavailableError
from store.records import Note
from tests.api.app import AtOnce
from tests.api.notify.notes import MINUTE, NOON, subscriber
from tests.api.notify.test_headline import weekly_report

pytestmark = pytest.mark.engine
HOOK = Hook("slack", "https://hooks.slack.example/services/very/secret")
DAY = timedelta(days=1)


@pytest.fixture
def post(make_post):
    return make_post(subscriber(), subscriber("ops", HOOK))


def test_a_note_is_sent_once(post):
    post.queue("over:10000")
    post.turn()
    post.turn()
    post.queue("over:10000")  # by an assessor that does not know
    post.turn()
    assert [name for name, _ in post.wire.sent] == ["sales"]
    assert post.states() == {"sales over:10000": "sent"}
    assert post.dispatcher.counts["mail", "sent"] == 1


def test_the_claim_is_stored_before_anything_is_sent(post):
    seen = []
    post.wire.before = lambda: seen.append(post.states())
    post.queue("over:10000")
    post.turn()
    assert seen == [{"sales over:10000": "sending"}]


def test_what_fails_is_tried_again_ever_later_for_a_day(post):
    post.wire.fails = [DeliveryError("away") for _ in range(100)]
    post.queue("over:10000")
    waits = []
    while post.states()["sales over:10000"] == "pending":
        post.turn()
        post.turn()  # too soon: nothing happens
        [note] = post.outbox.find("pending", "given_up")
        waits.append((note.due_at or NOON) - post.clock.now)
        post.clock.now = max(note.due_at or NOON, post.clock.now)
    assert timedelta(seconds=24) <= waits[0] <= timedelta(seconds=36)
    assert all(w <= timedelta(hours=1.2) for w in waits)
    assert all(later > wait for wait, later in pairwise(waits[:6]))
    assert post.clock.now <= NOON + DAY + timedelta(hours=1.2)
    assert 25 < len(waits) < 45 and post.wire.sent == []
    [note] = post.outbox.find("given_up")
    assert note.error == "away"
    assert post.dispatcher.counts["mail", "given_up"] == 1


def test_it_waits_as_long_as_it_was_asked_to(post):
    post.wire.fails = [DeliveryError("busy", again_s=3600)]
    post.queue("over:10000")
    post.turn()
    [note] = post.outbox.find("pending")
    assert note.due_at == NOON + timedelta(hours=1)
    post.clock.now = note.due_at
    post.turn()
    assert len(post.wire.sent) == 1


def test_what_would_fail_again_is_given_up_at_once(post):
    post.wire.fails = [DeliveryError("550 no such user", final=True)]
    post.queue("over:10000")
    post.turn()
    [note] = post.outbox.find("given_up")
    assert note.error == "550 no such user"


def test_the_waits_of_notes_differ(post):
    notes = [Note("i1", f"over:{n}", "sales", "{}", NOON, 1, attempts=3) for n in range(50)]
    waits = {wait_s(note) for note in notes}
    assert len(waits) == 50 and min(waits) >= 96 and max(waits) <= 144


def test_after_a_crash_a_note_goes_out_again_as_the_same_and_says_so(post):
    """Nobody knows whether it arrived: a process died after claiming it."""
    post.queue("over:10000")
    [note] = post.outbox.find()
    post.outbox.claim(note, NOON, post.generation)
    post.turn()
    assert post.wire.sent == []  # it may still be on its way
    post.clock.now = NOON + LEASE
    post.turn()
    [(_, first)] = post.wire.sent
    assert "You may have this already" in as_text(first.lines)
    other = post.another()
    other.turn(AtOnce())
    assert len(post.wire.sent) == 1
    assert len(first.key) == 32


def test_an_answer_that_was_lost_is_told_with_the_repeat(post):
    post.wire.fails = [DeliveryError("no answer", arrived=True), DeliveryError("away")]
    post.queue("over:10000")
    post.turn()
    [note] = post.outbox.find()
    assert note.error == "no answer; it may have arrived"
    post.clock.now = note.due_at
    post.turn()
    [note] = post.outbox.find()
    post.clock.now = note.due_at
    post.turn()
    [(_, sent)] = post.wire.sent
    assert sent.lines.lead.startswith("You may have this already")


def test_an_assessor_that_was_replaced_sends_nothing(post):
    post.queue("over:10000")
    post.toll.parts.store.incidents.take_generation("another")
    post.turn()
    assert post.wire.sent == [] and post.states() == {"sales over:10000": "pending"}
    post.generation = None  # and once it knows, it does not even look
    post.turn()
    assert post.wire.sent == []


class Anything:
    """Equal to every generation: what a store says that is asked just before it changes."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # nobody keeps it


def test_of_two_that_both_believe_to_be_active_one_sends(post, monkeypatch):
    """The store takes one claim of an attempt, whatever the two know of each other."""
    monkeypatch.setattr(post.toll.parts.store.incidents, "generation", Anything)
    post.queue("over:10000", to="sales")
    post.queue("over:10000", to="ops")
    other = post.another()
    other._active = lambda: 1  # of an assessor that slept, and does not know
    start = threading.Barrier(2)

    def turns(dispatcher) -> None:
        start.wait(20)
        for _ in range(3):
            dispatcher.turn(AtOnce())

    with ThreadPoolExecutor(2) as both:
        for ended in [both.submit(turns, one) for one in (post.dispatcher, other)]:
            ended.result()
    assert sorted(name for name, _ in post.wire.sent) == ["ops", "sales"]
    assert set(post.states().values()) == {"sent"}


def test_a_slow_subscriber_keeps_nobody_waiting(make_post):
    hooks = [subscriber(f"hook{n}", HOOK) for n in range(3)]
    post = make_post(subscriber(), *hooks)
    hold, told = threading.Event(), threading.Semaphore(0)

    class Slow:
        def send(self, outgoing, to, /) -> None:
            if to.name != "sales":
                hold.wait(30)
            told.release()

        def expire(self) -> None: ...

    post.dispatcher._senders = dict.fromkeys(("mail", "slack"), Slow())
    for hook in hooks:
        post.queue("over:10000", to=hook.name)
        post.queue("over:20000", to=hook.name, at=NOON - MINUTE)  # each has one place
    post.queue(*(f"over:{n}" for n in range(MAILS)))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        post.dispatcher.turn(pool)
        for _ in range(MAILS):
            assert told.acquire(timeout=20)
        assert not told.acquire(blocking=False)
        hold.set()


def test_a_newer_note_takes_the_place_of_one_that_still_waits(post):
    post.wire.fails = [DeliveryError("away")]
    post.queue("over:10000")
    post.turn()
    post.queue("final", at=NOON + MINUTE)
    post.clock.advance(5 * MINUTE)
    post.turn()
    assert post.states() == {"sales over:10000": "given_up", "sales final": "sent"}
    [old] = post.outbox.find("given_up")
    assert old.error == "a newer note took its place"


def test_a_note_to_nobody_is_given_up(post):
    post.queue("over:10000", to="who-left")
    post.turn()
    [note] = post.outbox.find("given_up")
    assert note.error == "there is no such subscriber any more"


def test_that_it_was_sent_is_written_down_even_where_the_store_is_away_for_a_moment(
    post, monkeypatch
):
    monkeypatch.setattr("api.notify.dispatcher.MARK_TRIES", 3)
    post.dispatcher._stop.set()  # so that nobody waits
    written = post.outbox.sent
    tries = iter([True, True, False])

    def sent(note, at):
        if next(tries):
            raise UnavailableError("the store is away")
        written(note, at)

    monkeypatch.setattr(post.outbox, "sent", sent)
    post.queue("over:10000")
    post.turn()
    assert post.states() == {"sales over:10000": "sent"} and len(post.wire.sent) == 1


def test_no_secret_is_stored_or_logged(post, caplog):
    caplog.set_level(logging.DEBUG)
    post.wire.fails = [DeliveryError(f"cannot connect to {HOOK.url}")]
    post.queue("over:10000", to="ops")
    post.turn()
    [note] = post.outbox.find()
    assert note.error == "cannot connect to ***"
    assert HOOK.url not in caplog.text and HOOK.url not in note.payload
    assert "secret" not in post.toll.http.get("/v1/notes").text


def test_an_unexpected_error_is_told_without_secrets_and_tried_again(post, caplog):
    def broken() -> None:
        raise RuntimeError(f"a bug at {HOOK.url}")

    post.wire.before = broken
    post.queue("over:10000", to="ops")
    post.turn()
    assert "a note to ops failed: RuntimeError: a bug at ***" in caplog.text
    post.wire.before = lambda: None
    post.clock.now = NOON + LEASE
    post.turn()
    assert len(post.wire.sent) == 1


def report(week: Week, now) -> IssuedReport:
    said = weekly_report(subject=f"{week.name}: outages cost EUR 12,300")
    facts = said.model_dump_json().encode()
    png = 'src="data:image/png;base64,aGVsbG8="'
    forms = {"html": f"<img {png}>".encode(), "md": b"# W46", "pdf": b"%PDF", "json": facts}
    return IssuedReport(week, now, False, forms)  # type: ignore[arg-type]  # all four


def test_the_weekly_report_is_sent_once_with_its_pdf(make_post):
    weekly = Weekly(0, 8, 0, "Europe/Berlin")
    post = make_post(subscriber("board", above=None, weekly=weekly))
    post.clock.now = NOON + timedelta(hours=18)  # Monday, 07:00 in Berlin
    dispatcher = post.another(reports=report)
    dispatcher.turn(AtOnce())
    assert post.states() == {} and post.wire.sent == []  # the last one is a week old
    post.clock.advance(timedelta(hours=1))
    dispatcher.turn(AtOnce())
    post.another(reports=report).turn(AtOnce())  # a restart
    [(_, sent)] = post.wire.sent
    assert sent.lines.subject == "2026-W47: outages cost EUR 12,300"
    assert [a.name for a in sent.attachments] == ["", "toll-2026-W47.pdf"]
    assert sent.html.startswith('<img src="cid:') and sent.text == "# W46"
    assert sent.lines.link.endswith("/v1/reports/weekly/2026-W47.html")


def test_a_report_that_cannot_be_made_is_tried_again(make_post):
    post = make_post(subscriber("board", above=None, weekly=Weekly(6, 12, 0, "UTC")))
    tries = iter([True, False])

    def reports(week, now):
        if next(tries):
            raise UnavailableError("the store is away")
        return report(week, now)

    dispatcher = post.another(reports=reports)
    dispatcher.turn(AtOnce())
    [note] = post.outbox.find("pending")
    assert note.error == "the store is away"
    post.clock.now = note.due_at
    dispatcher.turn(AtOnce())
    assert len(post.wire.sent) == 1


def test_a_report_that_is_still_being_counted_waits(make_post):
    post = make_post(subscriber("board", above=None, weekly=Weekly(6, 12, 0, "UTC")))

    def reports(week, now):
        waiting = weekly_report(provisional=True, waits_for="past incidents are still being priced")
        forms = dict(report(week, now).forms) | {"json": waiting.model_dump_json().encode()}
        return IssuedReport(week, now, True, forms)

    post.another(reports=reports).turn(AtOnce())
    [note] = post.outbox.find("pending")
    assert post.wire.sent == [] and "past incidents" in note.error


def test_who_is_added_or_taken_away_while_it_runs_is_heeded_at_the_next_turn(make_post):
    post = make_post(subscriber("sales"))
    post.queue("over:10000", to="desk")
    post.turn()
    assert post.states() == {"desk over:10000": "given_up"}, "nobody is called that yet"
    post.toll.parts.subscriptions = Subscriptions((subscriber("desk"),))
    post.queue("over:20000", to="desk")
    post.queue("over:20000", to="sales")
    post.turn()
    assert [name for name, _ in post.wire.sent] == ["desk"]
    assert post.states()["sales over:20000"] == "given_up"
