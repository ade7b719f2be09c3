"""The weekly report in the mail: made from the store, sent to a real server, once."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial

import pytest

from api.notify.dispatcher import Dispatcher, senders_of
from api.notify.subscribers import Subscriber, Subscriptions, Weekly
from api.report.issue import issue_report, read_issued
from api.report.week import Week
from tests.api.app import AtOnce
from tests.api.notify.notes import Mailbox, mail_server, subscriber
from tests.api.report.facts import the_week

MONDAY_8 = datetime(2026, 11, 16, 7, tzinfo=UTC)  # in Berlin


WEEKLY = Weekly(0, 8, 0, "Europe/Berlin")
WHOLE = "the report of all of Example Shop"


def mailed(toll, *subscribers: Subscriber) -> Mailbox:
    """What a mail server gets on Monday at eight, from two processes one after the other."""
    the_week(toll)
    parts, box = toll.parts, Mailbox()
    generation = parts.store.incidents.take_generation("test")
    with mail_server(box) as server:
        parts.subscriptions = Subscriptions(subscribers, server)
        for _ in range(2):  # the second: a process that has just started
            dispatcher = Dispatcher(
                parts,
                lambda: generation,
                partial(issue_report, parts),
                senders=senders_of(parts.subscriptions),
                now=lambda: MONDAY_8,
            )
            dispatcher.turn(AtOnce())
    return box


def body(mail: EmailMessage, form: str) -> str:
    found = mail.get_body((form,))
    assert isinstance(found, EmailMessage)
    return str(found.get_content())


@pytest.mark.engine
@pytest.mark.network
def test_the_report_of_the_week_arrives_with_its_pictures_and_its_pdf(toll):
    [got] = mailed(toll, subscriber("board", above=None, weekly=WEEKLY)).mails
    issued = read_issued(toll.parts, Week(2026, 46))
    assert issued is not None and got["Subject"] == issued.subject
    assert "3,260" in body(got, "html") and "3,260" in body(got, "plain")
    assert WHOLE not in body(got, "html") and WHOLE not in body(got, "plain")
    leaves = [part for part in got.walk() if not part.is_multipart()]
    inside = {part.get_content_type(): part.get_content() for part in leaves}
    assert inside["application/pdf"] == issued.pdf
    assert inside["image/png"].startswith(b"\x89PNG") and "cid:" in body(got, "html")


@pytest.mark.engine
@pytest.mark.network
def test_who_hears_of_some_processes_reads_theirs_above_the_company_s_report(toll):
    sales = subscriber("sales", above=None, weekly=WEEKLY, processes=("checkout",))
    board = subscriber("board", above=None, weekly=WEEKLY)
    mails = {str(mail["To"]): mail for mail in mailed(toll, sales, board).mails}
    own, whole = mails["sales@example.com"], mails["board@example.com"]
    assert own["Subject"] == whole["Subject"]
    for form, title in (("html", "<h1"), ("plain", "# ")):
        above, begins, report = body(own, form).partition(title)
        assert "Your processes" in above and "Web checkout" in above and WHOLE in above
        assert "Customer support" not in above
        assert body(whole, form).endswith(begins + report)
    issued = read_issued(toll.parts, Week(2026, 46))
    assert issued is not None and "Your processes" not in issued.html + issued.text
