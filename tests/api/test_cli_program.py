"""How the program presents itself: help in boxes, JSON of every command, the port it takes."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.main import get_command

from api.cli.main import app
from api.cli.program import PANELS
from api.cli.run import port
from api.setup.settings import Listen
from ingest.errors import BusyError
from tests.api.app import SHOP

RUN_UNTIL_STOPPED = {"run", "ingest", "assess", "serve"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every command with its whole name; a group that does something itself is one, too."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from commands(found, (*path, name))
        if not hasattr(found, "commands") or found.invoke_without_command:
            yield " ".join((*path, name)), found


EVERY = dict(commands(get_command(app)))


def test_every_command_stands_in_one_box(cli):
    names = [name for panel in PANELS.values() for name in panel]
    assert sorted(names) == sorted(get_command(app).commands)  # type: ignore[attr-defined]
    _, out, _ = cli("--help")
    found = [line for line in out.splitlines() if line.startswith("╭─")]
    assert [line.split("─ ")[1].rsplit(" ─")[0] for line in found] == ["Options", *PANELS]
    first = [
        line.split()[1] for line in out.splitlines() if line.startswith("│ ") and line[2] != " "
    ]
    assert first[-len(names) :] == names


def test_it_says_which_version_it_is(cli):
    code, out, _ = cli("--version")
    assert (code, out) == (0, f"toll {version('toll')}\n")


@pytest.mark.parametrize("name", EVERY)
def test_help_has_no_words_of_python(cli, name):
    code, out, _ = cli(f"{name} --help")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert not any(word in out for word in ("<bool>", "list[", " range>", "None"))


@pytest.mark.parametrize("name", [name for name in EVERY if name not in RUN_UNTIL_STOPPED])
def test_whatever_prints_prints_json(name):
    assert any("--json" in param.opts for param in EVERY[name].params)


def test_json_of_what_is_a_document_of_its_own(cli, tmp_path):
    made = json.loads(cli("token grafana read --json")[1])
    assert made["token"].startswith("toll_") and made["line"].split()[-3:-1] == ["grafana", "read"]
    kept = json.loads(cli("token you admin --into tokens --json")[1])
    assert kept == {"file": "tokens/you", "new": True}
    drawn = json.loads(cli(f"map draw --map {SHOP} --json")[1])
    assert drawn["svg"].startswith("<svg")
    (tmp_path / "nodes.csv").write_text("name,layer,needs,owner\na,service,,\n")
    found = json.loads(cli("map import csv nodes.csv --json")[1])
    assert "services" in found["map"] and "currency" in found["missing"]


def test_settings_fit_eighty_columns(cli):
    _, out, _ = cli("settings")
    assert "TOLL_MAP" in out and max(map(len, out.splitlines())) <= 80


# the port


@pytest.mark.network
def test_a_port_is_taken_before_anybody_is_let_in():
    with port(Listen("127.0.0.1", 0)) as door:
        taken = Listen("127.0.0.1", door.getsockname()[1])
        with pytest.raises(BusyError, match=r"choose another by --listen HOST:PORT or TOLL_LISTEN"):
            port(taken).__enter__()
        with socket.socket() as visitor:
            assert visitor.connect_ex((taken.host, taken.port)) != 0
    with port(taken):
        pass  # free again
