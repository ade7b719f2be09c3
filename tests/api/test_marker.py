"""The files that tell whether the ingesters of a folder stopped cleanly."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from api.run.marker import RunMarker
from ingest.errors import SettingsError

CONTEXT = multiprocessing.get_context("spawn")


def _mark_and_die(folder: Path) -> None:
    RunMarker(folder)
    os.kill(os.getpid(), signal.SIGKILL)


def die_in(folder: Path) -> None:
    child = CONTEXT.Process(target=_mark_and_die, args=(folder,))
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


def test_a_first_start_and_one_after_a_clean_stop_are_clean(tmp_path):
    folder = tmp_path / "data"
    for _ in range(2):
        marker = RunMarker(folder)
        assert not marker.unclean
        assert len(list(folder.iterdir())) == 1
        marker.remove()
        assert list(folder.iterdir()) == []


def test_a_marker_that_is_held_tells_nothing(tmp_path):
    one, two = RunMarker(tmp_path), RunMarker(tmp_path)
    assert not one.unclean and not two.unclean
    one.remove()
    two.remove()


def test_a_killed_process_is_noticed_until_one_stops_cleanly(tmp_path):
    die_in(tmp_path)
    first = RunMarker(tmp_path)
    assert first.unclean
    first.leave()  # has not made up for it
    second, third = RunMarker(tmp_path), RunMarker(tmp_path)
    assert second.unclean and third.unclean
    second.remove()
    third.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    file = tmp_path / "data"
    file.write_text("no folder")
    with pytest.raises(SettingsError, match="cannot keep that an ingester runs"):
        RunMarker(file)
