"""What an installed Toll holds: everything it reads at run time, and nothing that it must not."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
ROOMS = ("api", "enrich", "impact", "ingest", "store")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the repository with the tools at hand: nothing is fetched."""
    pytest.importorskip("hatchling", reason="the build tool is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_holds_every_file_of_the_rooms(wheel):
    kept = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(REPOSITORY).as_posix()
        for room in ROOMS
        for path in (REPOSITORY / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= kept
    assert any(name.endswith(".sql") for name in wanted)
    assert {"api/page/templates/now.html", "api/page/static/toll.css", "api/demo/map.yaml"} <= kept


def test_the_wheel_holds_nothing_else(wheel):
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(ROOMS)


def test_the_wheel_works_by_itself(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = f"""
import {", ".join(ROOMS)}
from pathlib import Path
from api.app import build_app
from api.setup.mapfiles import read_map
from api.simulated.drive import demo_map
from api.http.state import State
from store.sql import statement
here = Path({str(tmp_path)!r}).resolve()
for room in ({", ".join(ROOMS)}):
    assert Path(room.__file__).resolve().is_relative_to(here), room.__file__
assert demo_map().resolve().is_relative_to(here)
assert read_map(demo_map()).map.company == "Example Shop"
assert statement("dead_letters")
assert build_app(State(None)).openapi()["paths"]
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
