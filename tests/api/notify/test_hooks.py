"""Posting to Slack, Teams and webhooks, on a real server on loopback."""

from __future__ import annotations

import hashlib
import hmac
import threading
from base64 import b64decode, b64encode
from email.utils import format_datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from api.notify.delivery import DeliveryError
from api.notify.hooks import HookSender, signed
from api.notify.subscribers import Hook
from tests.api.notify.notes import MINUTE, NOON, Hooks, hook_server, outgoing, subscriber

pytestmark = pytest.mark.network
SECRET = "whsec_" + b64encode(b"thirty-two bytes that nobody knows").decode()


@pytest.fixture
def hooks():
    found = Hooks()
    with hook_server(found):
        yield found


def send(hooks: Hooks, kind: str = "webhook", secret: str = "", **more) -> None:
    sender = HookSender(now=lambda: NOON, **more)
    way = Hook(kind, f"{hooks.url}/a/secret/path", secret)  # type: ignore[arg-type]  # of those
    sender.send(outgoing(), subscriber("erp", way))


def failure(hooks: Hooks, **more) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        send(hooks, **more)
    assert "secret" not in str(raised.value)
    return raised.value


def test_slack_gets_blocks(hooks):
    send(hooks, "slack")
    [got] = hooks.requests
    assert got.headers["content-type"] == "application/json"
    assert [b["type"] for b in got.json()["blocks"]] == [
        "header",
        "section",
        "section",
        "section",
        "context",
    ]


def test_teams_gets_a_card_and_answers_202(hooks):
    hooks.answers = [(202, {}, b"")]
    send(hooks, "teams")
    [attachment] = hooks.requests[0].json()["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"


def test_a_webhook_gets_a_cloudevent_that_the_official_client_reads(hooks):
    send(hooks)
    [got] = hooks.requests
    read = from_http_event(HTTPMessage(got.headers, got.body))
    assert read.get_id() == got.headers["webhook-id"] == "0123456789abcdef"
    assert read.get_type() == "dev.toll.note.over.v1" and read.get_time() == NOON
    data: Any = read.get_data()
    assert data["cost"] == {
        "low": "7600.00",
        "mid": "10900.00",
        "high": "15400.00",
        "currency": "EUR",
    }
    assert data["url"] == "https://toll.example.com/incidents/20261122-5b1c2d3e4f"
    assert "webhook-signature" not in got.headers


def test_a_webhook_with_a_secret_is_signed_as_standard_webhooks_say(hooks):
    send(hooks, secret=SECRET)
    [got] = hooks.requests
    signed_text = f"0123456789abcdef.{int(NOON.timestamp())}.".encode() + got.body
    key = b64decode(SECRET.removeprefix("whsec_"))
    expected = b64encode(hmac.new(key, signed_text, hashlib.sha256).digest()).decode()
    assert got.headers["webhook-timestamp"] == str(int(NOON.timestamp()))
    assert got.headers["webhook-signature"] == f"v1,{expected}"


def test_the_signature_is_that_of_the_standard_s_own_example():
    """The example of the specification's reference implementations."""
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    ("status", "final", "arrived"),
    [(400, True, False), (404, False, False), (410, True, False), (429, False, False),
     (500, False, True), (503, False, True), (302, False, False)],
)  # fmt: skip
def test_what_an_answer_means(hooks, status, final, arrived):
    hooks.answers = [(status, {"Location": "http://127.0.0.1:1/"}, b"invalid_payload")]
    error = failure(hooks)
    assert (error.final, error.arrived) == (final, arrived)
    assert str(error).startswith(f"answers {status} ") and "invalid_payload" in str(error)
    assert len(hooks.requests) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("asked", "again_s"),
    [("120", 120.0), (format_datetime(NOON + 5 * MINUTE), 300.0), ("soon", 0.0), ("", 0.0)],
)
def test_it_waits_as_long_as_it_is_asked_to(hooks, asked, again_s):
    hooks.answers = [(429, {"Retry-After": asked}, b"")]
    assert failure(hooks).again_s == again_s


def test_who_does_not_answer_in_time_may_have_it(hooks):
    hooks.hold = threading.Event()
    error = failure(hooks, whole_s=0.2)
    assert error.arrived and not error.final and "no answer within" in str(error)


def test_nobody_there(hooks):
    hooks.url = "http://127.0.0.1:1"
    error = failure(hooks)
    assert not error.arrived and str(error).startswith("cannot connect")


def test_a_long_answer_is_not_kept(hooks):
    hooks.answers = [(500, {}, b"x" * 100_000)]
    assert len(str(failure(hooks))) < 300
