"""The weekly report in the mail: made from the store, sent to a real server, once."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest

from api.notify.dispatcher import Dispatcher, senders_of
from api.notify.subscribers import Subscriptions, Weekly
from api.report.issue import issue_report, read_issued
from api.report.week import Week
from tests.api.app import AtOnce
from tests.api.notify.notes import Mailbox, mail_server, subscriber
from tests.api.report.facts import the_week

MONDAY_8 = datetime(2026, 11, 16, 7, tzinfo=UTC)  # in Berlin


@pytest.mark.engine
@pytest.mark.network
def test_the_report_of_the_week_arrives_with_its_pictures_and_its_pdf(toll):
    the_week(toll)
    parts, box = toll.parts, Mailbox()
    board = subscriber("board", above=None, weekly=Weekly(0, 8, 0, "Europe/Berlin"))
    generation = parts.store.incidents.take_generation("test")
    with mail_server(box) as server:
        parts.subscriptions = Subscriptions((board,), server)
        for _ in range(2):  # the second: a process that has just started
            dispatcher = Dispatcher(
                parts,
                lambda: generation,
                partial(issue_report, parts),
                senders=senders_of(parts.subscriptions),
                now=lambda: MONDAY_8,
            )
            dispatcher.turn(AtOnce())
    [got] = box.mails
    issued = read_issued(parts, Week(2026, 46))
    assert issued is not None and got["Subject"] == issued.subject
    html, text = got.get_body(("html",)), got.get_body(("plain",))
    assert html is not None and text is not None
    assert "3,260" in html.get_content() and "3,260" in text.get_content()
    leaves = [part for part in got.walk() if not part.is_multipart()]
    inside = {part.get_content_type(): part.get_content() for part in leaves}
    assert inside["application/pdf"] == issued.pdf
    assert inside["image/png"].startswith(b"\x89PNG") and "cid:" in html.get_content()
