"""Who may do what, that tokens stay secret, and that no other site can reach a Toll without any."""

from __future__ import annotations

import logging

import pytest

from tests.api.app import TOKENS, assert_problem, bearer, ndjson, payment

pytestmark = pytest.mark.engine


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        ("read", "/v1/incidents", 200),
        ("read", "/", 200),
        ("read", "/metrics", 200),
        ("read", "/v1/dead-letters/toll.business/0/0/0", 403),
        ("write", "/v1/incidents", 403),
        ("write", "/", 403),
        ("write", "/metrics", 403),
        ("admin", "/v1/incidents", 200),
        ("admin", "/v1/dead-letters/toll.business/0/0/0", 404),
    ],
)
def test_what_each_role_may_read(guarded, role, path, status):
    answer = guarded.http.get(path, headers=bearer(role))
    assert answer.status_code == status
    assert guarded.http.get(f"/t/{TOKENS[role]}{path}").status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKENS['admin']}"},
        {"Authorization": "Bearer \u00fc\u00df"},
    ],
)
def test_nobody_else_may(guarded, headers):
    encoded = {k: v.encode("latin-1") for k, v in headers.items()}
    answer = guarded.http.get("/v1/incidents", headers=encoded)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_health_needs_no_token(guarded):
    assert guarded.http.get("/health/live").status_code == 200
    assert guarded.http.get("/health/ready").status_code == 200


def test_a_token_in_the_path_is_a_token(guarded):
    body = ndjson([payment(1)])
    taken = guarded.http.post(f"/t/{TOKENS['write']}/v1/business", content=body)
    assert taken.status_code == 202
    for wrong in ("/t/wrong/v1/business", "/t//v1/business"):
        assert_problem(guarded.http.post(wrong, content=body), 401)
    assert_problem(guarded.http.get("/t/"), 404)
    assert_problem(guarded.http.get("/t/x/"), 401)


def test_a_slash_left_out_behind_a_token_is_put_there(guarded):
    answer = guarded.http.get(f"/t/{TOKENS['read']}")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{TOKENS['read']}/")
    assert guarded.http.get("/t/else.where%3A1").headers["location"] == "else.where%3A1/"
    assert_problem(guarded.http.post(f"/t/{TOKENS['write']}", content=b""), 404)


def test_a_token_is_in_no_log_and_no_error(guarded, caplog, monkeypatch):
    caplog.set_level(logging.DEBUG)
    token = TOKENS["admin"]

    def broken(*_, **__):
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(type(guarded.parts.store.incidents), "find", broken)
    said = [
        guarded.http.get(f"/t/{token}/v1/incidents"),
        guarded.http.get(f"/t/{token}/v1/nothing-here"),
        guarded.http.post(f"/t/{token}/v1/business", content=b"{}"),
        guarded.http.get("/v1/incidents", headers=bearer("admin")),
    ]
    assert [a.status_code for a in said] == [500, 404, 422, 500]
    ours = [r for r in caplog.records if not r.name.startswith("httpx")]  # the test's own client
    assert any("unexpected error on /v1/incidents" in r.getMessage() for r in ours)
    for text in [a.text for a in said] + [r.getMessage() for r in ours]:
        assert token not in text
    assert assert_problem(said[0], 500)["detail"] == "unexpected error; Toll's log has the details"


# without tokens


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8080", "127.0.0.1:80", "127.8.9.1", "[::1]:8080", "LOCALHOST."]
)
def test_this_machine_is_served(toll, host):
    assert toll.http.get("/v1/map", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.example", "10.0.0.7:8080", "[fe80::1]", "[", "", "::1"]
)
def test_a_name_of_elsewhere_is_refused(toll, guarded, host):
    for path in ("/", "/v1/map", "/health/live", "/nothing"):
        assert_problem(toll.http.get(path, headers={"Host": host}), 421)
    answer = guarded.http.get("/v1/map", headers={"Host": host or "x", **bearer("read")})
    assert answer.status_code == 200  # a token says who calls


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_may_not_write(toll, headers):
    body = ndjson([payment(1)])
    for path in ("/v1/business", "/v1/signals/generic"):
        assert_problem(toll.http.post(path, content=body, headers=headers), 403)
    assert toll.records() == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_page_and_programs_may(toll, headers):
    answer = toll.http.post("/v1/business", content=ndjson([payment(1)]), headers=headers)
    assert answer.status_code == 202


def test_every_answer_tells_no_address_to_others(toll):
    for path in ("/", "/v1/map", "/nothing"):
        headers = toll.http.get(path).headers
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"
