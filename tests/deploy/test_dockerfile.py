"""`deploy/Dockerfile`: what it copies is there and is enough, and what it ends in is bare."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs import openapi
from tests.senders import served

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LINES = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text("utf-8")).splitlines()
STEPS = [line.split(maxsplit=1) for line in LINES if line and not line.startswith("#")]
SPLIT = next(n for n, step in enumerate(STEPS[1:], 1) if step[0] == "FROM")
BUILD, LAST = STEPS[:SPLIT], STEPS[SPLIT:]


def copied(steps: list[list[str]]) -> dict[str, str]:
    """Sources of the repository -> where they end."""
    found: dict[str, str] = {}
    for word, rest in steps:
        if word == "COPY" and "--from" not in rest:
            *sources, target = rest.split()
            found |= dict.fromkeys(sources, target)
    return found


def only(steps: list[list[str]], word: str) -> str:
    [found] = [rest for step, rest in steps if step == word]
    return found


def test_what_is_copied_is_there_and_is_let_through():
    allowed = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_through = {line[1:] for line in allowed if line.startswith("!")}
    sources = copied(STEPS).keys()
    assert sources == let_through
    assert all((ROOT / source).exists() for source in sources)


def test_all_that_toll_needs_is_held_to_its_hash():
    installs = [rest for word, rest in STEPS if word == "RUN" and " install " in rest]
    pip = [one for one in installs if "pip" in one and "groupadd" not in one]
    assert len(pip) == 3
    assert all("--require-hashes -r" in one or "--no-deps --no-index" in one for one in pip)
    assert "--require-hashes -r requirements.lock" in pip[0] and "/opt/toll/" in pip[0]


def test_the_wheel_can_be_built_from_what_is_copied(tmp_path):
    for source, target in copied(BUILD).items():
        end = tmp_path / (source if target == "./" else target)
        end.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, end, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, end)
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "dist").glob("*.whl"))) == 1


def test_the_last_stage_is_bare_and_runs_as_nobody_special():
    assert [word for word, _ in LAST if word == "FROM"] == ["FROM"]
    run = only(LAST, "RUN")
    assert "site-packages/*" in run and "bin/pip*" in run
    assert not re.search(r"apt|curl|wget|gcc|git\b", run)
    assert only(LAST, "USER") == "10001:10001"
    assert "--uid 10001" in run and "--gid 10001" in run
    assert "/opt/toll /opt/toll" in next(rest for word, rest in LAST if word == "COPY")
    assert {rest for word, rest in STEPS if word == "FROM"} == {
        "python:3.11-slim-bookworm AS build",
        "python:3.11-slim-bookworm",
    }


def test_it_starts_the_program_of_the_project():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert only(LAST, "ENTRYPOINT") == f'["{next(iter(scripts))}"]'
    assert "PATH=/opt/toll/bin:$PATH" in only(LAST, "ENV")
    assert only(LAST, "EXPOSE") == "8080"


def test_the_health_check_asks_a_route_there_is():
    assert f'"{copied(LAST)["deploy/ready.py"]}"' in only(LAST, "HEALTHCHECK")
    [path] = re.findall(r"\{port\}(/[\w/]+)", (DEPLOY / "ready.py").read_text("utf-8"))
    assert path in openapi()["paths"]


@pytest.mark.engine
@pytest.mark.network
def test_the_health_check_tells_well_from_unwell(toll, monkeypatch):
    def asked(listen: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(DEPLOY / "ready.py")],
            env={"TOLL_LISTEN": listen},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    with served(toll) as place:
        assert asked(place).returncode == 0
        monkeypatch.setattr("api.routes.health._troubles", lambda _: ["the disk is full"])
        unwell = asked(place)
        assert unwell.returncode == 1 and "the disk is full" in unwell.stderr
    assert asked(place).returncode == 1
