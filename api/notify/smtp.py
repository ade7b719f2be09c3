"""Mail by SMTP: STARTTLS, TLS or neither, with or without a login.

Each mail has one recipient and a Message-ID made of the note's key, the same at every attempt:
where a mail arrives twice after a crash, mail programs can tell that it is one.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from threading import Lock

from api.notify.delivery import DeliveryError, Outgoing
from api.notify.messages import as_html, as_text
from api.notify.subscribers import Mail, MailServer, Subscriber

TIMEOUT_S = 15.0  # of each answer of the server
WHOLE_S = 60.0  # of one delivery, however slowly a server drips


class SmtpSender:
    """Sends mail by one server, a connection for each mail."""

    def __init__(
        self, server: MailServer, timeout_s: float = TIMEOUT_S, whole_s: float = WHOLE_S
    ) -> None:
        self._server, self._timeout_s, self._whole_s = server, timeout_s, whole_s
        self._open: dict[smtplib.SMTP, float] = {}  # connection -> when it is cut off
        self._lock = Lock()

    def send(self, outgoing: Outgoing, to: Subscriber, /) -> None:
        """Return once the server has taken the mail."""
        assert isinstance(to.way, Mail)
        message = mail(outgoing, self._server.sender, to.way.address)
        handed_over = False
        try:
            with self._connected() as smtp:
                smtp.ehlo_or_helo_if_needed()
                self._refused_unless(smtp.mail(parseaddr(self._server.sender)[1]))
                self._refused_unless(smtp.rcpt(to.way.address))
                handed_over = True  # from here on the server may have it without our knowing
                self._refused_unless(smtp.data(message.as_bytes(policy=SMTP)))
        except smtplib.SMTPResponseException as error:
            final = isinstance(error, smtplib.SMTPDataError) and error.smtp_code // 100 == 5
            raise _refused(error.smtp_code, error.smtp_error, final=final) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryError(f"the mail server has no {self._server.tls}: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            said = str(error) or type(error).__name__
            raise DeliveryError(f"the mail server: {said}", arrived=handed_over) from error

    def expire(self) -> None:
        """Cut off connections that are open for too long: a server that drips holds nobody."""
        with self._lock:
            overdue = [smtp for smtp, until in self._open.items() if until < time.monotonic()]
        for smtp in overdue:
            if smtp.sock is not None:
                with suppress(OSError):  # it may just have ended by itself
                    smtp.sock.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A connection, secured and logged in as the settings say."""
        server = self._server
        context = ssl.create_default_context()
        if server.ca is not None:
            context.load_verify_locations(server.ca)
        smtp = (
            smtplib.SMTP_SSL(timeout=self._timeout_s, context=context)
            if server.tls == "tls"
            else smtplib.SMTP(timeout=self._timeout_s)
        )
        smtp._host = server.host  # type: ignore[attr-defined]  # the name to check is set only when connecting at once
        with self._lock:
            self._open[smtp] = time.monotonic() + self._whole_s
        try:
            code, said = smtp.connect(server.host, server.port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, said)
            if server.tls == "starttls":
                smtp.starttls(context=context)
            if server.user:
                smtp.login(server.user, server.password)
            yield smtp
            with suppress(OSError, smtplib.SMTPException):  # the mail is taken: a bye is manners
                smtp.quit()
        finally:
            with self._lock:
                del self._open[smtp]
            smtp.close()

    def _refused_unless(self, answer: tuple[int, bytes]) -> None:
        code, said = answer
        if code // 100 != 2:
            raise _refused(code, said, final=code // 100 == 5)


def _refused(code: int, said: bytes | str, *, final: bool = False) -> DeliveryError:
    """An answer that is a no. 4xx passes; 5xx to this mail does not. A login can be mended."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return DeliveryError(f"the mail server says {code} {' '.join(text.split())}", final=final)


def mail(outgoing: Outgoing, sender: str, recipient: str) -> EmailMessage:
    """The mail: plain text, HTML beside it, attachments."""
    _, address = parseaddr(sender)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = outgoing.lines.subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{outgoing.key}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # no holiday replies (RFC 3834)
    message.set_content(outgoing.text or as_text(outgoing.lines))
    message.add_alternative(outgoing.html or as_html(outgoing.lines), subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]  # the second alternative
    for part in outgoing.attachments:
        main, _, sub = part.media_type.partition(";")[0].partition("/")
        if part.cid:
            html.add_related(part.content, main, sub, cid=f"<{part.cid}>")  # type: ignore[union-attr]  # it is a message
        else:
            message.add_attachment(part.content, main, sub, filename=part.name)
    return message
