"""Mail, to a real server on loopback."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import replace

import pytest

from api.notify.delivery import Attachment, DeliveryError
from api.notify.smtp import SmtpSender, mail
from tests.api.notify.notes import (
    PASSWORD,
    USER,
    Mailbox,
    mail_server,
    outgoing,
    self_made_certificate,
    subscriber,
)

pytestmark = pytest.mark.network
DESK = subscriber("desk")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return self_made_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def box():
    return Mailbox()


def failure(sender: SmtpSender) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        sender.send(outgoing(), DESK)
    return raised.value


def test_a_mail_arrives_as_text_and_html(box):
    with mail_server(box) as server:
        SmtpSender(server).send(outgoing(), DESK)
    [got] = box.mails
    assert got["To"] == "desk@example.com" and got["From"] == "Toll <toll@example.com>"
    assert got["Subject"] == "Web checkout: an outage costs more than EUR 10,000"
    assert got["Message-ID"] == "<0123456789abcdef@example.com>"
    assert got["Auto-Submitted"] == "auto-generated" and got["Date"]
    text, html = got.get_body(("plain",)), got.get_body(("html",))
    assert text is not None and html is not None
    assert "between 7,600 and 15,400 (nine times in ten)" in text.get_content()
    assert "https://toll.example.com/incidents/20261122-5b1c2d3e4f" in text.get_content()
    assert "Stripe (provider) → Payment (service) → Web checkout" in html.get_content()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_it_travels_encrypted_after_a_login(box, tls, certificate):
    with mail_server(box, tls=tls, login=tls == "starttls", certificate=certificate) as server:
        SmtpSender(server).send(outgoing(), DESK)
    assert len(box.mails) == 1 and box.encrypted == [True]
    assert box.logins == ([(USER.encode(), PASSWORD.encode())] if tls == "starttls" else [])


def test_a_certificate_that_nobody_vouches_for_is_refused(box, certificate):
    with mail_server(box, tls="starttls", certificate=certificate) as server:
        error = failure(SmtpSender(replace(server, ca=None)))
    assert "certificate verify failed" in str(error) and not error.final
    assert box.mails == []


def test_a_certificate_of_another_name_is_refused(box, certificate):
    with mail_server(box, tls="tls", certificate=certificate) as server:
        error = failure(SmtpSender(replace(server, host="127.0.0.1")))
    assert "certificate verify failed" in str(error) and not error.arrived


def test_a_server_without_starttls_gets_nothing(box):
    with mail_server(box) as server:
        error = failure(SmtpSender(replace(server, tls="starttls")))
    assert "has no starttls" in str(error) and box.mails == []


def test_a_wrong_password_can_be_mended(box, certificate):
    with mail_server(box, tls="starttls", login=True, certificate=certificate) as server:
        error = failure(SmtpSender(replace(server, password="wrong")))
    assert str(error).startswith("the mail server says 535") and not error.final


@pytest.mark.parametrize(
    ("answer", "final"), [("451 try later", False), ("554 no such thing here", True)]
)
def test_a_refused_mail_is_final_where_the_server_says_so(box, answer, final):
    box.answers = [answer]
    with mail_server(box) as server:
        error = failure(SmtpSender(server))
    assert (str(error), error.final) == (f"the mail server says {answer}", final)


@pytest.mark.parametrize(
    ("answer", "final"), [("450 mailbox busy", False), ("550 no such user", True)]
)
def test_a_refused_recipient_is_final_where_the_server_says_so(box, answer, final):
    box.refuse = {"desk@example.com": answer}
    with mail_server(box) as server:
        error = failure(SmtpSender(server))
    assert (error.final, error.arrived) == (final, False)


def test_a_server_that_is_gone_before_it_answers_may_have_the_mail(box):
    box.drop = True
    with mail_server(box) as server:
        error = failure(SmtpSender(server))
    assert error.arrived and not error.final and len(box.mails) == 1


def test_a_server_that_does_not_answer_is_left(box):
    box.hold = threading.Event()
    with mail_server(box) as server:
        error = failure(SmtpSender(server, timeout_s=0.2))
        box.hold.set()
    assert error.arrived and "timed out" in str(error)


def test_no_server_at_all():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Mailbox()
    with mail_server(box) as server:
        error = failure(SmtpSender(replace(server, host="127.0.0.1", port=port)))
    assert not error.arrived and not error.final


def test_a_server_that_drips_is_cut_off(box):
    with socket.socket() as door, mail_server(box) as server:
        door.bind(("127.0.0.1", 0))
        door.listen()
        over = threading.Event()

        def drip() -> None:
            client, _ = door.accept()
            with client:
                while not over.is_set():
                    try:
                        client.send(b"2")
                    except OSError:
                        return
                    over.wait(0.02)

        dripping = threading.Thread(target=drip)
        dripping.start()
        sender = SmtpSender(
            replace(server, host="127.0.0.1", port=door.getsockname()[1]), whole_s=0.0
        )
        errors: list[DeliveryError] = []
        sending = threading.Thread(target=lambda: errors.append(failure(sender)))
        sending.start()
        while sending.is_alive():
            sender.expire()
            time.sleep(0.01)
        over.set()
        dripping.join()
    assert len(errors) == 1 and not errors[0].arrived


def test_a_report_is_html_with_its_pictures_and_a_pdf_beside():
    report = replace(
        outgoing(),
        html='<p>Week <img src="cid:p1@toll"></p>',
        text="# Week",
        attachments=(
            Attachment("", "image/png", b"picture", "p1@toll"),
            Attachment("toll-2026-W46.pdf", "application/pdf", b"%PDF"),
        ),
    )
    made = mail(report, "Toll <toll@example.com>", "desk@example.com")
    assert [part.get_content_type() for part in made.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "application/pdf",
    ]
    [pdf] = made.iter_attachments()
    assert pdf.get_filename() == "toll-2026-W46.pdf" and pdf.get_content() == b"%PDF"


def test_what_an_alert_says_cannot_make_headers():
    evil = outgoing(processes=["Checkout\r\nBcc: everybody@example.com"])
    made = mail(evil, "toll@example.com", "desk@example.com")
    assert made["Bcc"] is None and "\n" not in made["Subject"]
