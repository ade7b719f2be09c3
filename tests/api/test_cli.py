"""The `toll` program: what it prints, what it exits with, how it reaches Toll."""

from __future__ import annotations

import gzip
import json

import httpx2
import pytest

from api.cli.main import EXIT_CODES, app, exit_code
from api.setup.settings import SETTINGS
from ingest import errors
from tests.api.app import SHOP, ndjson, payment
from tests.api.test_signals import STATUSPAGE


def running(monkeypatch, toll):
    """Commands find this Toll as if it ran on this machine."""

    class InProcess:
        def __init__(self, **_):
            pass

        def __enter__(self):
            return toll.http

        def __exit__(self, *_):
            pass

    monkeypatch.setattr("api.client._answers", lambda _: True)
    monkeypatch.setattr(httpx2, "Client", InProcess)


@pytest.fixture
def burning(monkeypatch, shop, cli):
    """The command line of the shop with history, and its incident's id."""
    running(monkeypatch, shop.toll)
    return cli, shop.incident


COMMANDS = {"now", "incidents", "impact", "explain", "coverage", "dead-letters", "import", "check"}


def test_help_names_every_command_and_every_exit_code(cli):
    code, out, _ = cli("--help")
    assert code == 0
    names = {c.name for c in app.registered_commands}
    assert names >= COMMANDS | {"run", "ingest", "assess", "serve", "demo", "token", "settings"}
    assert all(f" {name} " in out for name in names)
    said = " ".join(out.split())
    assert all(f"{number} {why}" in said for number, why in EXIT_CODES.items())
    for name in names:
        code, out, _ = cli(f"{name} --help")
        assert code == 0 and max(map(len, out.splitlines())) <= 80


def test_each_error_has_its_exit_code(cli):
    assert cli("impact")[0] == 2
    assert cli("nonsense")[0] == 2
    codes = {
        errors.SettingsError: 1,
        errors.InputError: 1,
        errors.UnavailableError: 3,
        errors.NotFoundError: 4,
        errors.BusyError: 5,
    }
    assert {kind: exit_code(kind("x")) for kind in codes} == codes


# check


def test_a_good_map(cli):
    code, out, _ = cli(f"check {SHOP}")
    assert code == 0 and "is good: 3 processes with 4 measures" in " ".join(out.split())
    code, out, _ = cli(f"check {SHOP} --json")
    found = json.loads(out)
    assert found["measures"] == [
        "checkout/payments", "checkout/carts", "fulfilment/orders", "support/calls",
    ]  # fmt: skip


def test_a_folder_without_a_map(cli, tmp_path):
    code, _, error = cli(f"check {tmp_path}")
    assert code == 1 and f"{tmp_path}: there is no map file in this folder" in error


def test_ten_mistakes_in_a_map_are_ten_lines(cli, tmp_path):
    (tmp_path / "map.yaml").write_text(
        """company: Shop
currency: EUX
timezone: Europe/Berlon
procesess: {}
processes:
  a: {needs: [nope], measures: {m: {kind: flwo, stream: s}}}
  b: {needs: [shpo], measures: {m: {kind: flow}}}
services:
  shop: {needs: [one], macth: []}
  other: {needs: [nobody]}
"""
    )
    code, out, err = cli("check map.yaml")
    lines = err.splitlines()
    assert (code, out, len(lines)) == (1, "", 10)
    assert all(line.startswith("map.yaml:") for line in lines)
    assert sum("did you mean" in line for line in lines) >= 5
    code, out, err = cli("check map.yaml --json")
    found = json.loads(out)["mistakes"]
    assert (code, err, len(found)) == (1, "", 10)
    assert found[0].keys() == {"file", "line", "column", "text"}


def test_a_map_that_is_not_there(cli):
    code, _, err = cli("check none.yaml")
    assert (code, len(err.splitlines())) == (1, 1)


# a running Toll


@pytest.mark.engine
def test_what_people_read_fits_eighty_columns(burning):
    cli, incident = burning
    for line, expected in {
        "now": "Web checkout",
        "incidents": incident,
        f"impact {incident}": "days of history",
        "explain stripe": "An hour without it now",
        "process checkout": "An hour without it",
        "perception": "both red",
        "perception --process checkout --days 0.5": "business delivered",
        "coverage": "payments",
        "dead-letters": "No dead letters.",
    }.items():
        code, out, err = cli(line)
        assert (code, err) == (0, ""), line
        assert expected in out, line
        assert max(map(len, out.splitlines())) <= 80, line


@pytest.mark.engine
def test_json_is_what_http_says(burning, shop):
    cli, incident = burning
    for line, path, kind in (
        ("incidents", "/v1/incidents", list),
        (f"impact {incident}", f"/v1/incidents/{incident}/impact", list),
        ("explain stripe", "/v1/map/nodes/stripe/reach", dict),
        ("process checkout", "/v1/processes/checkout", dict),
        ("perception", "/v1/perception", dict),
        ("coverage", "/v1/coverage", dict),
        ("dead-letters", "/v1/dead-letters", list),
    ):
        code, out, _ = cli(f"{line} --json")
        found = json.loads(out)
        assert code == 0 and isinstance(found, kind)
        if kind is list or line == "coverage":  # what holds prices is drawn for the moment
            assert found == shop.toll.ask(path)
    now = json.loads(cli("now --json")[1])
    assert isinstance(now["incidents"], list) and isinstance(now["processes"], list)
    assert [s["variable"] for s in json.loads(cli("settings --json")[1])] == [
        s.variable for s in SETTINGS
    ]


@pytest.mark.engine
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("impact nope", 4, "no incident 'nope'"),
        ("impact 'a b?c#d'", 4, "no incident 'a b?c#d'"),
        ("explain strpe", 4, "did you mean 'stripe'"),
        ("dead-letters --show toll.business/0/0/0", 4, "no such dead letter"),
        ("dead-letters --show here", 1, "TOPIC/PARTITION/OFFSET/LINE"),
        ("dead-letters --reason ugly", 1, "no reason 'ugly'"),
        ("dead-letters --replay toll.business/0/0/0 --with none", 1, "no such file"),
        ("dead-letters --with none", 1, "--replay"),
        ("import none.ndjson", 1, "no such file"),
    ],
)
def test_errors_are_one_line(burning, line, code, said):
    found, out, err = burning[0](line)
    assert (found, out, len(err.splitlines())) == (code, "", 1)
    assert err.startswith("toll: ") and said in err


@pytest.mark.engine
def test_import_into_a_running_toll(monkeypatch, cli, toll, tmp_path):
    running(monkeypatch, toll)
    events = [payment(n) for n in range(20)]
    (tmp_path / "a.ndjson.gz").write_bytes(gzip.compress(ndjson([*events, {"id": "bad"}])))
    code, out, _ = cli("import a.ndjson.gz")
    assert (code, "20 events imported" in out, "1 dead letters" in out) == (0, True, True)
    (tmp_path / "b.csv").write_text(
        "tx,at,amount,currency\n" + "\n".join(f"c{n},{events[0]['at']},1.50,EUR" for n in range(4))
    )
    code, out, _ = cli("import b.csv --stream payments --field id=tx --json")
    assert json.loads(out)["accepted"] == 4
    (tmp_path / "incidents.json").write_text(json.dumps(STATUSPAGE))
    assert "1 signals imported" in cli("import incidents.json")[1]
    toll.ingest()
    assert toll.ask("/v1/coverage")["streams"][0]["events"] == 24
    assert not list((tmp_path / "data" / "imports").iterdir())


@pytest.mark.engine
def test_an_interrupted_import_goes_on_where_it_was(monkeypatch, cli, toll, tmp_path):
    running(monkeypatch, toll)
    monkeypatch.setattr("api.imports.CHUNK_LINES", 3)
    (tmp_path / "a.ndjson").write_bytes(ndjson([payment(n) for n in range(10)]))
    send = toll.http.send
    sent: list[httpx2.Request] = []
    fails_at = [2]

    def counted(request):
        if len(sent) in fails_at:
            raise httpx2.ConnectError("gone")
        sent.append(request)
        return send(request)

    monkeypatch.setattr(toll.http, "send", counted)
    assert cli("import a.ndjson")[0] == 3
    fails_at.clear()
    code, out, _ = cli("import a.ndjson --json")
    assert (code, json.loads(out)["accepted"]) == (0, 10)
    assert len(sent) == 4  # not the first two again
    assert len(toll.lines()) == 10


@pytest.mark.engine
def test_a_dead_letter_is_shown_and_mended(monkeypatch, cli, toll, tmp_path):
    running(monkeypatch, toll)
    toll.http.post("/v1/business", content=b'{"id": 7}\n' + ndjson([payment(1)]))
    toll.ingest()
    [letter] = json.loads(cli("dead-letters --json")[1])
    place = f"{letter['topic']}/{letter['partition']}/{letter['offset']}/{letter['line']}"
    assert place in cli("dead-letters")[1].replace("\n", "")
    assert cli(f"dead-letters --show {place}")[1] == '{"id": 7}\n'
    assert cli(f"dead-letters --replay {place}")[0] == 1
    (tmp_path / "mended").write_bytes(ndjson([payment(7)]))
    assert cli(f"dead-letters --replay {place} --with mended")[1] == "sent again\n"
    toll.ingest()
    assert cli("dead-letters")[1] == "No dead letters.\n"


# no running Toll


def test_without_a_toll_and_without_a_map(cli, alone):
    code, out, err = cli("now")
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    assert "toll demo" in err and "toll run" in err and "TOLL_URL" in err


@pytest.mark.network
def test_an_address_where_nobody_answers(cli, monkeypatch):
    monkeypatch.setenv("TOLL_URL", "http://127.0.0.1:9")
    code, _, err = cli("now")
    assert (code, len(err.splitlines())) == (3, 1)
    assert "TOLL_URL" in err


@pytest.mark.parametrize("command", ["ingest", "assess", "serve"])
def test_parts_apart_are_refused_on_embedded_ones(cli, command):
    code, _, err = cli(f"{command} --map {SHOP}")
    assert code == 1
    sentence = "Parts apart (`ingest`, `assess`, `serve`) require Kafka and a ClickHouse server"
    assert sentence in err


def test_listening_beyond_this_machine_without_tokens_is_refused(cli):
    code, _, err = cli(f"run --map {SHOP} --listen 0.0.0.0:8080")
    assert (code, "TOLL_TOKENS" in err, len(err.splitlines())) == (1, True, 1)


def test_a_token_is_shown_once_with_its_line(cli):
    code, out, _ = cli("token grafana read")
    first, second = out.splitlines()
    assert code == 0 and first.split()[-1].startswith("toll_")
    assert second.split()[-3:-1] == ["grafana", "read"] and first.split()[-1] not in second
    assert cli("token grafana owner")[0] == 1
    assert cli("token 'two words' read")[0] == 1
