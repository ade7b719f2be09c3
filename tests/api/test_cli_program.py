"""How the program presents itself: help in boxes, JSON of every command, the port it takes."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from api.cli.main import app
from api.cli.options import moment, moment_or_none, moment_or_utc
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


# ends


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("now --foo", "No such option: --foo (see `toll now --help`)"),
        ("nowt", "No such command 'nowt'. Did you mean 'now', 'notify'? (see `toll --help`)"),
        ("map hist", "No such command 'hist'. Did you mean 'history'? (see `toll map --help`)"),
        ("estimate", "Missing argument 'file' (see `toll estimate --help`)"),
        ("map draw --theme x", "'x' is not one of 'auto', 'light', 'dark' (see"),
    ],
)
def test_what_is_written_wrong_is_one_line_like_every_error(cli, line, said):
    code, out, err = cli(line)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith("toll: ") and said in err


@pytest.mark.parametrize(
    "line",
    [
        "now --as-of yesterday",
        "incidents --as-of 2026-11-22T10:15:00",  # no zone
        "incident timeline i --as-of yesterday",
        "incident postmortem i --as-of yesterday",
        "incident edit i --by me --why so --start yesterday",
        "incident edit i --by me --why so --end yesterday",
        "perception --from yesterday",
        "providers --to yesterday",
        "what-if --shorten 5m --from yesterday",
        "trust --from yesterday",
    ],
)
def test_a_bad_moment_ends_every_command_alike(cli, line):
    code, out, err = cli(line)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert "is no moment; write it like 2026-11-22T10:15:00Z" in err


def test_moments_keep_their_zone_and_days_of_the_ledger_are_those_of_utc():
    assert moment("2026-11-22T10:15:00+01:00") == "2026-11-22T10:15:00+01:00"
    assert moment_or_utc("2026-11-22") == "2026-11-22T00:00:00+00:00"
    assert moment_or_utc("2026-11-22T10:15:00+01:00") == "2026-11-22T10:15:00+01:00"
    assert moment_or_none("None") == "none"


@pytest.mark.parametrize("line", [["settings"], ["settings", "--json"]])
def test_a_reader_who_has_gone_is_no_failure(line):
    """Tables are printed line by line, documents at once: both end as the shell expects."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        program = Path(sys.executable).with_name("toll")
        done = subprocess.run(
            [program, *line], stdout=writing, stderr=subprocess.PIPE, check=False, text=True
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_letters_that_a_terminal_has_not_are_no_failure(tmp_path):
    """What goes into a file or a pipe is UTF-8, as all files of Toll are."""
    (tmp_path / "nodes.csv").write_text("name,layer,needs,owner,title\na,service,,,Lager → Kasse\n")
    program = Path(sys.executable).with_name("toll")
    done = subprocess.run(
        [program, "map", "import", "csv", "nodes.csv"], capture_output=True, check=False,
        cwd=tmp_path, env={"PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert (done.returncode, "Lager → Kasse" in done.stdout.decode()) == (0, True)


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
