"""A changed file of subscriptions: in force while Toll runs, or refused and said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from api.run.runtime import Runtime
from api.run.subscriptionswatch import SubscriptionsWatch
from tests.api.app import Toll

pytestmark = pytest.mark.engine

SALES = "subscribers:\n  sales: {slack: https://slack.example/a, above: 1000}\n"
DESK = "  desk: {webhook: https://desk.example/hook, weekly: Mon 08:00}\n"


@pytest.fixture
def told(toll: Toll, tmp_path):
    """A runtime whose file of subscriptions may be written to, and the file."""
    file = tmp_path / "subscriptions.yaml"
    file.write_text("subscribers: {}\n")
    toll.parts.settings = replace(toll.parts.settings, subscriptions=file)
    toll.state.runtime = Runtime(toll.parts, ingest=False, assess=True, serve=True)
    return toll, file


def look(toll: Toll) -> SubscriptionsWatch:
    """Look twice: what has just changed may still be being written."""
    assert toll.state.runtime is not None
    watch = toll.state.runtime.subscriptions_watch
    assert watch is not None
    watch.look(), watch.look()
    return watch


def names(toll: Toll) -> list[str]:
    return [one.name for one in toll.parts.subscriptions.subscribers]


def test_a_changed_file_is_in_force_once_it_stands_still(told):
    toll, file = told
    file.write_text(SALES)
    watch = toll.state.runtime.subscriptions_watch
    assert not watch.look(), "a file that has just changed may still be being written"
    assert names(toll) == []
    assert watch.look() and names(toll) == ["sales"]
    file.write_text(SALES + DESK)
    look(toll)
    assert names(toll) == ["sales", "desk"]
    assert "toll_subscriptions_reloads_total 2.0" in toll.http.get("/metrics").text


def test_a_file_with_mistakes_is_refused_and_who_was_told_is_told_on(told, caplog):
    toll, file = told
    file.write_text(SALES)
    look(toll)
    file.write_text(SALES.replace("above: 1000", "abov: 1000"))
    look(toll)
    assert names(toll) == ["sales"]
    assert "the changed subscriptions are refused" in caplog.text and "abov" in caplog.text
    warnings = toll.http.get("/health/ready").json()["warnings"]
    assert all(w.startswith("the changed subscriptions are refused: ") for w in warnings)
    assert any("did you mean 'above'?" in w for w in warnings)
    assert "toll_subscriptions_refused 1.0" in toll.http.get("/metrics").text
    file.write_text(SALES)
    look(toll)
    assert toll.http.get("/health/ready").json()["warnings"] == []
    assert "toll_subscriptions_refused 0.0" in toll.http.get("/metrics").text


def test_a_file_that_vanishes_is_refused_too(told):
    toll, file = told
    file.write_text(SALES)
    look(toll)
    file.unlink()
    assert "cannot be read" in look(toll).refused[0] and names(toll) == ["sales"]


def test_a_secret_in_a_file_of_its_own_is_read_again_when_it_changes(told, tmp_path):
    toll, file = told
    secret = tmp_path / "url"
    secret.write_text("https://slack.example/old")
    file.write_text(f"subscribers:\n  sales: {{slack: {{file: {secret}}}, above: 1000}}\n")
    look(toll)
    secret.write_text("https://slack.example/new-one")
    look(toll)
    [sales] = toll.parts.subscriptions.subscribers
    assert sales.way.url == "https://slack.example/new-one"


def test_a_map_without_a_process_that_somebody_hears_of_is_said(told):
    toll, file = told
    file.write_text(SALES.replace("above", "processes: [support], above"))
    look(toll)
    loaded = toll.parts.map
    processes = {n: p for n, p in loaded.map.processes.items() if n != "support"}
    toll.parts.map = replace(loaded, map=replace(loaded.map, processes=processes, version="v2"))
    [refused] = look(toll).refused
    assert "the map has no process 'support'" in refused
    assert names(toll) == ["sales"]


def test_without_a_file_nothing_is_watched(toll):
    assert toll.parts.settings.subscriptions is None
    runtime = Runtime(toll.parts, ingest=False, assess=True)
    assert runtime.subscriptions_watch is None and runtime.notes is None
