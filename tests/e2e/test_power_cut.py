"""The power goes: rows whose offsets were kept are lost with it. The last hour is read again."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeAlias

import pytest

from api.run.runtime import IngestTask
from api.run.wiring import Parts, open_parts
from api.setup.settings import read_settings
from store.store import open_store
from tests.e2e.oracle import BUSINESS, Sent, Shop, Totals, expected, found

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MAP = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "map.yaml"
# One engine folder at a time in a process, and some of these die: so each step is a child.
Step: TypeAlias = Callable[[Path, Connection], None]
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["pytest", "api.run.runtime"])


def child(task: Step, folder: Path, exitcode: int = 0) -> object:
    """Run a step in a process of its own; what it sent, None where it sent nothing."""
    here, there = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=task, args=(folder, there))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return None
    finally:
        process.join(60)
        here.close()
        assert process.exitcode == exitcode


def ingest(parts: Parts, then: Callable[[], None]) -> None:
    """Read the log to its end, do one thing, and stop cleanly."""
    task, stop = IngestTask(parts), threading.Event()
    thread = threading.Thread(target=task, args=(stop,))
    thread.start()
    while thread.is_alive() and task.idle_since() is None:
        time.sleep(0.01)
    then()
    stop.set()
    thread.join()


def parts_in(folder: Path):
    settings = {"data": str(folder), "map": str(MAP), "business_topic": BUSINESS}
    return open_parts(read_settings(environ={}, file=folder / "none.toml", overrides=settings))


def send(parts: Parts, events: list[Sent]) -> None:
    with closing(parts.log.producer()) as producer:
        producer.send([event.message() for event in events])


def read_and_die(folder: Path, answer: Connection) -> None:
    with parts_in(folder) as parts:
        send(parts, Shop(1).send(30))
        ingest(parts, lambda: os.kill(os.getpid(), signal.SIGKILL))


def lose_rows(folder: Path, answer: Connection) -> None:
    """What a power cut does to files that were not fsynced."""
    with closing(open_store(None, folder)) as store:
        store.database.execute("TRUNCATE TABLE business_events")
        store.database.execute("TRUNCATE TABLE minutes")


def read_to_the_end(folder: Path, answer: Connection) -> None:
    with parts_in(folder) as parts:
        ingest(parts, lambda: answer.send(found(parts.store)))


def totals_after(steps: Sequence[Step], folder: Path) -> object:
    """What the last of these steps finds."""
    return [child(step, folder, -9 if step is read_and_die else 0) for step in steps][-1]


NOTHING: Totals = ({}, {})


def test_rows_that_a_power_cut_took_are_read_again(tmp_path):
    totals = totals_after([read_and_die, lose_rows, read_to_the_end], tmp_path)
    assert totals == expected(Shop(1).send(30))
    assert list(tmp_path.glob("*.running")) == []


def test_after_a_clean_stop_nothing_is_read_again(tmp_path):
    steps = [read_and_die, read_to_the_end, lose_rows, read_to_the_end]
    assert totals_after(steps, tmp_path) == NOTHING
