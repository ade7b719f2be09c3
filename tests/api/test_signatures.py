"""Signed webhooks: PagerDuty and GitHub, while secrets are changed, and forged ones."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.http.signatures import fits
from api.routes.examples import WEBHOOKS
from store.store import Store
from tests.api.app import TOKENS, Toll, assert_problem, bearer, opened, with_tokens

OLD, NEW = "the old secret", "the new secret"
HEADERS = {
    "pagerduty": ("X-PagerDuty-Signature", "v1="),
    "github": ("X-Hub-Signature-256", "sha256="),
}
BODIES = {name: json.dumps(WEBHOOKS[name]).encode() for name in HEADERS}


def sign(body: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


@pytest.fixture
def signing(tmp_path: Path, store: Store) -> Iterator[Toll]:
    """A Toll that knows two secrets of each sender, as while one is being changed."""
    secrets = f"{OLD}, {NEW}"
    with opened(
        tmp_path, store, tokens=with_tokens(), pagerduty_secrets=secrets, github_secrets=secrets
    ) as toll:
        yield toll


@pytest.mark.engine
@pytest.mark.parametrize("format", HEADERS)
def test_a_webhook_is_taken_by_its_signature(signing, format):
    header, prefix = HEADERS[format]
    body, path = BODIES[format], f"/t/{TOKENS['write']}/v1/signals/{format}"
    for given_ in (
        f"{prefix}{sign(body, OLD)}",
        f"{prefix}{sign(body, NEW)}",
        f"{prefix}{sign(body, 'older')},{prefix}{sign(body, OLD)}",
        f"{prefix}{sign(body, NEW)}, {prefix}{sign(body, 'newer')}, v2=x",
    ):
        answer = signing.http.post(path, content=body, headers={header: given_})
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1}), given_


@pytest.mark.engine
@pytest.mark.parametrize("format", HEADERS)
def test_a_forged_webhook_is_refused_and_its_signature_said_nowhere(signing, format, caplog):
    caplog.set_level(logging.DEBUG)
    header, prefix = HEADERS[format]
    body = BODIES[format]
    wrong = sign(body, "a guess")
    right = sign(body, OLD)
    for given_ in ("", wrong, right, f"{prefix}{wrong}", f"{prefix}{right[:-1]}", f"{prefix}", "é"):
        answer = signing.http.post(
            f"/v1/signals/{format}",
            content=body,
            headers={header: given_.encode("latin-1"), **bearer("write")},
        )
        problem = assert_problem(answer, 403)
        assert f"TOLL_{format.upper()}_SECRETS" in problem["detail"]
        assert not given_ or given_ not in answer.text.replace("\\", "")
    good = {header: f"{prefix}{right}"}
    other = signing.http.post(
        f"/v1/signals/{format}", content=body + b" ", headers={**good, **bearer("write")}
    )
    assert_problem(other, 403)
    unknown = signing.http.post(f"/v1/signals/{format}", content=body, headers=good)
    assert_problem(unknown, 401)  # a signature is no token
    assert signing.records("toll.signals") == []
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("httpx")]
    assert not any(secret in said for said in ours for secret in (wrong, right, OLD, NEW))


@pytest.mark.engine
def test_without_a_secret_in_the_settings_a_token_is_enough(guarded):
    for name, body in BODIES.items():
        path = f"/v1/signals/{name}"
        answer = guarded.http.post(path, content=body, headers=bearer("write"))
        assert (answer.status_code, answer.json()) == (202, {"accepted": 1})


@pytest.mark.engine
def test_a_webhook_about_something_else_is_taken_as_nothing(toll):
    ping = {"event": {"id": "e", "event_type": "pagey.ping", "data": {"type": "ping"}}}
    unmapped = json.loads(BODIES["pagerduty"])
    unmapped["event"]["data"]["service"] = {"id": "X", "summary": "nobody knows it"}
    for body, accepted in ((ping, 0), (unmapped, 1)):
        answer = toll.http.post("/v1/signals/pagerduty", json=body)
        assert (answer.status_code, answer.json()) == (202, {"accepted": accepted})
    zen = toll.http.post(
        "/v1/signals/github", json={"zen": "z"}, headers={"X-GitHub-Event": "ping"}
    )
    assert (zen.status_code, zen.json()) == (202, {"accepted": 0})


@given(st.binary(), st.text(), st.lists(st.text(min_size=1), max_size=3))
def test_no_header_fits_but_a_true_one(body, header, secrets):
    true = [sign(body, secret) for secret in secrets]
    assert fits(body, header, "v1=", secrets) is False
    assert all(fits(body, f"{header},v1={one}", "v1=", secrets) for one in true)
