"""The client: addresses, secrets, and which error means what."""

from __future__ import annotations

import logging
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from ingest.errors import BusyError, SettingsError, TollError, UnavailableError
from store import clickhouse
from store.clickhouse import Server, open_embedded, open_server
from store.store import open_store
from tests.clickhouse_front import PASSWORD
from tests.store.rows import NOON, event, later, table, touched

REPOSITORY = Path(__file__).parents[2]


def test_an_address_says_it_all():
    server = Server.parse("https://us%40er:p%2Fw@db.example.com:9443/business?verify=false")
    assert (server.host, server.port, server.secure) == ("db.example.com", 9443, True)
    assert (server.user, server.password, server.database) == ("us@er", "p/w", "business")
    assert server.options == {"verify": "false"}


@pytest.mark.parametrize(
    ("url", "port"), [("https://db.example.com", 8443), ("http://db.example.com/", 8123)]
)
def test_what_an_address_leaves_out(url, port):
    server = Server.parse(url)
    assert (server.port, server.user, server.password) == (port, "default", "")
    assert server.database == "toll"


@pytest.mark.parametrize(
    "url",
    [
        "clickhouse://user:hunter2@db/toll",
        "https://user:hunter2@/toll",
        "https://user:hunter2@db:port/toll",
        "https://user:hunter2@db/toll?secure=1",
    ],
)
def test_a_wrong_address_is_explained_without_its_password(url):
    with pytest.raises(SettingsError, match="TOLL_CLICKHOUSE") as error:
        Server.parse(url)
    assert "hunter2" not in str(error.value)


def test_no_repr_shows_the_password():
    assert "hunter2" not in repr(Server.parse("https://user:hunter2@db/toll"))


@pytest.mark.engine
@pytest.mark.network
def test_wrong_credentials_are_settings(engine):
    with pytest.raises(SettingsError, match="refuses these credentials") as error:
        open_server(engine.front().url("toll", "hunter2"))
    assert "hunter2" not in str(error.value)


@pytest.mark.engine
@pytest.mark.network
def test_no_error_and_no_log_line_shows_the_password(make_store, engine, caplog):
    caplog.set_level(logging.DEBUG)
    store = make_store("http")
    with pytest.raises(TollError) as error:
        store.database.execute(f"SELECT '{PASSWORD}' FROM nowhere")
    assert PASSWORD not in str(error.value)
    assert PASSWORD not in repr(store.database)
    assert PASSWORD not in "".join(r.getMessage() for r in caplog.records if "nowhere" not in r.msg)


@pytest.mark.engine
@pytest.mark.network
def test_a_store_that_goes_away_is_unavailable_until_it_is_back(engine):
    database = engine.fresh("http")
    database.rows("ping")
    engine.release()
    with pytest.raises(UnavailableError, match="does not answer"):
        database.rows("ping")
    database.close()
    with pytest.raises(UnavailableError, match="closed"):
        database.rows("ping")


@pytest.mark.network
def test_a_server_that_is_not_there_is_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(UnavailableError) as error:
            open_server(f"http://user:hunter2@127.0.0.1:{taken.getsockname()[1]}/toll")
    assert error.value.retriable
    assert "hunter2" not in str(error.value)


@pytest.mark.network
def test_a_server_that_never_answers_is_given_up_on():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UnavailableError):
            open_server(f"http://127.0.0.1:{silent.getsockname()[1]}/toll", timeout_s=1)


@pytest.mark.engine
def test_many_threads_share_a_store(store):
    rows = [event(f"e{i}", later(i)) for i in range(40)]

    def ingest(row: dict[str, Any]) -> None:
        store.insert_events(table([row]))
        store.recompute(touched([row]))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ingest, rows))
    assert store.volumes("payments", ["ok"], NOON, later(60)).count.sum() == 40


# other processes

_HOLD = """
import sys, time
from pathlib import Path
from typing import Any
from store.store import open_store
from tests.store.rows import event, table, touched
store = open_store(None, Path(sys.argv[1]))
for n in range(1000000):
    rows = [event(f"e{n}")]
    store.insert_events(table(rows))
    store.recompute(touched(rows))
    print(n, flush=True)
"""


@pytest.fixture
def writer(tmp_path):
    """Another process that inserts, and says after each insert that it is done."""
    child = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path)],
        cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout is not None
    yield child
    child.kill()
    child.wait()
    child.stdout.close()


@pytest.mark.engine
def test_a_second_process_is_told_who_is_in_the_way(own_engine, writer, tmp_path):
    writer.stdout.readline()
    with pytest.raises(BusyError, match=r"another process has the store in .* open"):
        open_store(None, tmp_path)


def test_a_folder_that_is_not_ours_is_no_other_process(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise DatabaseError("Permission denied")

    monkeypatch.setattr(clickhouse, "_make_database", fail)
    (tmp_path / "status").mkdir()  # cannot be opened, as one of another user
    with pytest.raises(UnavailableError, match="Permission denied"):
        open_embedded(tmp_path)


@pytest.mark.engine
def test_a_kill_loses_nothing_that_was_acknowledged(own_engine, writer, tmp_path):
    for _ in range(3):
        done = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    done = max([done, *(int(line) for line in writer.stdout)])
    writer.wait()
    store = open_store(None, tmp_path)
    try:
        counted = store.volumes("payments", ["ok"], NOON, later(1)).count.sum()
        stored = [event(f"e{n}") for n in range(done + 1)]
        store.insert_events(table(stored))  # the log is read again
        store.recompute(touched(stored))
        again = store.volumes("payments", ["ok"], NOON, later(1)).count.sum()
    finally:
        store.close()
    assert done + 1 <= counted <= again <= done + 2


@pytest.mark.engine
def test_another_folder_in_the_same_process_is_refused(engine, tmp_path):
    engine.hold()
    with pytest.raises(BusyError, match="this process has a store in another folder open"):
        open_embedded(tmp_path)


def test_a_folder_that_cannot_be_made_is_a_setting(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SettingsError, match="TOLL_DATA"):
        open_embedded(tmp_path / "file" / "store")
