"""What the tests of notes share: subscribers, incidents, a mail server, a server for hooks."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from api.http.schemas import Sum
from api.notify.delivery import Outgoing
from api.notify.messages import lines
from api.notify.subscribers import Hook, Mail, MailServer, Subscriber
from api.notify.telling import Telling
from enrich.incident import Episode, Incident, Reached
from tests.api.app import euros

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
USER, PASSWORD = "toll", "a very secret word"


def subscriber(name: str = "sales", way: Mail | Hook | None = None, **more: Any) -> Subscriber:
    given = {"above": Decimal(10_000), "zone": "Europe/Berlin", **more}
    return Subscriber(name, way or Mail(f"{name}@example.com"), **given)


def incident(name: str = "i1", **more: Any) -> Incident:
    given: dict[str, Any] = {
        "kind": "outage",
        "state": "open",
        "title": "Payment provider answers with errors",
        "started_at": NOON - 20 * MINUTE,
        "ended_at": None,
        "root": "stripe",
        "explanation": "Stripe (provider) -> Payment (service) -> Web checkout",
        "reached": (Reached("checkout", 1.0, ("stripe", "payment", "checkout")),),
    }
    return Incident(id=name, **(given | more))


def episode(source: str) -> Episode:
    return Episode("e1", source, "f1", "alert", "critical", {}, "down", NOON - 20 * MINUTE, None)


def told(**more: Any) -> Telling:
    """A note on DESIGN's example, above the first threshold."""
    given: dict[str, Any] = {
        "kind": "over",
        "company": "Example Shop",
        "zone": "Europe/Berlin",
        "at": NOON,
        "incident": "20261122-5b1c2d3e4f",
        "title": "Payment provider answers with errors",
        "processes": ["Web checkout"],
        "started_at": NOON - 26 * MINUTE,
        "cost": euros_sum("7600.00", "10900.00", "15400.00"),
        "forecast": True,
        "so_far": euros_sum("16400.00", "18100.00", "19900.00"),
        "per_minute": Decimal("498.00"),
        "level": Decimal(10_000),
        "next_at": Decimal(20_000),
        "effects": ["Web checkout: 270 payments lost (190 to 380), EUR 10,900 (7,600 to 15,400)"],
        "cause": "Stripe (provider) -> Payment (service) -> Web checkout",
        "change": "deployed 41f2c (payment)",
        "customers": 371,
        "owners": ["head-of-sales@example.com"],
        "data_until": NOON - MINUTE,
        "path": "incidents/20261122-5b1c2d3e4f",
    }
    return Telling(**(given | more))


def euros_sum(low: str, mid: str, high: str):
    found = euros(low, mid, high)
    return Sum(low=found.low, mid=found.mid, high=found.high, currency=found.currency)


def outgoing(key: str = "0123456789abcdef", again: bool = False, **more: Any) -> Outgoing:
    facts = told(**more)
    return Outgoing(key, facts, lines(facts, "https://toll.example.com", "sales", again=again))


# a mail server


@dataclass
class Mailbox:
    """What a mail server was sent, and how it behaves."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)  # to the next mails, before it is well again
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    refuse: Mapping[str, str] = field(default_factory=dict)  # recipient -> answer
    drop: bool = False  # takes the mail, and is gone without a word
    hold: threading.Event | None = None  # answers only when this is set
    arrived: threading.Event = field(default_factory=threading.Event)

    async def handle_RCPT(  # noqa: N802  # the name is the library's
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: object
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(  # noqa: N802  # the name is the library's
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        self.arrived.set()
        if self.hold is not None:
            while not self.hold.is_set():
                await asyncio.sleep(0.01)
        if self.answers:
            return self.answers.pop(0)
        read = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.mails.append(read)
        self.recipients += envelope.rcpt_tos
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        if self.drop:
            cast(asyncio.WriteTransport, server.transport).abort()
        return "250 taken"

    def ids(self) -> list[str]:
        return [str(mail["Message-ID"]) for mail in self.mails]


class _OnAnyPort(Controller):
    """On whatever port is free: the library wants to know it before it greets itself."""

    def _trigger_server(self) -> None:
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_server(
    box: Mailbox, *, tls: str = "none", login: bool = False, certificate: Path | None = None
) -> Iterator[MailServer]:
    """A real SMTP server on loopback, and how to reach it."""

    def authenticate(
        server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
    ) -> AuthResult:
        box.logins.append((data.login, data.password))
        known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=known, handled=False)

    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    more: dict[str, Any] = {}
    if tls == "starttls":
        more |= {"tls_context": context, "require_starttls": True}
    if login:
        more |= {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": tls == "starttls",
        }
    controller = _OnAnyPort(
        box,
        hostname="127.0.0.1",
        port=0,
        ssl_context=context if tls == "tls" else None,
        **more,
    )
    controller.start()
    try:
        port = controller.port
        yield MailServer(
            "localhost",
            port,
            tls,  # type: ignore[arg-type]  # one of them
            "Toll <toll@example.com>",
            USER if login else "",
            PASSWORD if login else "",
            certificate,
        )
    finally:
        controller.stop()


def self_made_certificate(folder: Path) -> Path:
    """A certificate for localhost with its key, in one file."""
    file = folder / "localhost.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:TRUE",
         "-keyout", str(folder / "key.pem"), "-out", str(file)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    file.write_text((folder / "key.pem").read_text() + file.read_text())
    return file


# a server that is posted to


@dataclass
class Posted:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Hooks:
    """What was posted, and what is answered: (status, headers, body), the last one for ever."""

    requests: list[Posted] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    hold: threading.Event | None = None
    url: str = ""


@contextmanager
def hook_server(hooks: Hooks) -> Iterator[str]:
    """A real HTTP server on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is the library's
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {k.lower(): v for k, v in self.headers.items()}
            hooks.requests.append(Posted(self.path, headers, body))
            if hooks.hold is not None:
                hooks.hold.wait(20)
            if len(hooks.answers) > 1:
                status, more, said = hooks.answers.pop(0)
            else:
                status, more, said = hooks.answers[0] if hooks.answers else (200, {}, b"ok")
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        hooks.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield hooks.url
    finally:
        if hooks.hold is not None:
            hooks.hold.set()
        server.shutdown()
        thread.join()
        server.server_close()
