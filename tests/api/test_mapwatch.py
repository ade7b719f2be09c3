from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from api.assess.shared_baselines import SharedBaselines
from api.run.mapwatch import MapWatch
from api.run.runtime import Runtime
from api.setup.mapfiles import eras_of, files_of
from ingest.errors import UnavailableError
from store.maps import MapVersion
from tests.api.app import SHOP, Toll, alert, opened

pytestmark = pytest.mark.engine
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def editable(tmp_path, store):
    """A Toll whose map file may be written to, and the file."""
    path = tmp_path / "maps" / "map.yaml"
    path.parent.mkdir()
    shutil.copy(SHOP, path)
    with opened(tmp_path, store, map=str(path.parent)) as toll:
        yield toll, path


def watching(toll: Toll) -> MapWatch:
    return MapWatch(toll.parts, SharedBaselines(toll.parts.map.map, toll.parts.store))


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_a_changed_map_is_in_force_once_its_files_stand_still(editable):
    toll, path = editable
    watch, before = watching(toll), toll.ask("/v1/map")["version"]
    assert not watch.look()
    rewrite(path, "title: Stripe", "title: Stripe Payments")
    assert not watch.look(), "a file that has just changed may still be being written"
    assert watch.look()
    found = toll.ask("/v1/map")
    assert found["version"] != before
    assert "Stripe Payments" in {n["title"] for n in found["nodes"]}
    assert not watch.look()


def test_a_map_with_mistakes_is_refused_and_the_old_one_stays(editable, caplog):
    toll, path = editable
    runtime = Runtime(toll.parts, ingest=False, assess=False, serve=True)
    toll.state.runtime, watch = runtime, runtime.map_watch
    before, good = toll.ask("/v1/map"), path.read_text("utf-8")
    rewrite(path, "needs: [storefront, payment]", "needs: [storefront, paymnt]")
    watch.look(), watch.look()
    assert toll.ask("/v1/map") == before
    said = "checkout: needs 'paymnt', which is not on the map; did you mean 'payment'?"
    assert said in caplog.text
    [warning] = toll.http.get("/health/ready").json()["warnings"]
    assert warning.startswith("the changed map is refused") and said in warning
    [refused] = toll.ask("/v1/coverage")["map_refused"]
    assert said in refused
    assert "toll_map_refused 1.0" in toll.http.get("/metrics").text
    path.write_text(good, "utf-8")
    watch.look(), watch.look()
    assert toll.ask("/v1/coverage")["map_refused"] == []
    assert "toll_map_refused 0.0" in toll.http.get("/metrics").text


def test_a_changed_map_waits_for_a_store_that_is_away(editable, monkeypatch):
    toll, path = editable
    watch = watching(toll)
    rewrite(path, "title: Stripe", "title: Stripe Payments")

    def away(streams: object) -> None:
        raise UnavailableError("away")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(toll.parts.store, "track_journeys", away)
        assert not watch.look()
        with pytest.raises(UnavailableError):
            watch.look()
    assert watch.look(), "it is as new as before"
    assert toll.parts.map.map.nodes["stripe"].title == "Stripe Payments"


def test_files_that_vanish_are_refused_too(editable):
    toll, path = editable
    watch = watching(toll)
    path.unlink()
    watch.look(), watch.look()
    assert watch.refused == ("map:1:1: there is no map file; write map.yaml",)
    assert toll.ask("/v1/map")["processes"]


def test_an_old_incident_keeps_its_map_and_what_burns_takes_the_new_one(editable):
    toll, path = editable
    long_ago, lately = NOW - timedelta(days=3), NOW - timedelta(minutes=5)
    over = [alert(long_ago), alert(long_ago, long_ago + timedelta(minutes=30))]
    toll.http.post("/v1/signals/generic", json=[*over, alert(lately)])
    toll.ingest()
    assessor = toll.assess(NOW)
    first = toll.parts.map.map.version
    assert {i.map_version for i in stored(toll).values()} == {first}
    watch = watching(toll)
    rewrite(path, "stripe:\n    title: Stripe\n", "strype:\n    title: Strype\n")
    rewrite(path, "of: [stripe, adyen]", "of: [strype, adyen]")
    watch.look(), watch.look()
    assessor.tick()
    assert {(i.root, i.map_version) for i in stored(toll).values()} == {
        ("stripe", first),
        ("strype", toll.parts.map.map.version),
    }
    assert [v.version for v in toll.parts.store.maps.all()] == [
        first,
        toll.parts.map.map.version,
    ]


def stored(toll: Toll):
    found = {v.incident.id: v.incident for v in toll.parts.store.incidents.find()}
    return dict(sorted(found.items()))


def test_hidden_copies_of_mounted_configuration_are_no_map_files(tmp_path):
    (tmp_path / "..data").mkdir()
    for name in ("map.yaml", "..data/map.yaml", ".map.yaml.swp", ".old.yaml", "notes.txt"):
        (tmp_path / name).write_text("")
    assert files_of(tmp_path) == [tmp_path / "map.yaml"]


def test_a_version_that_cannot_be_read_any_more_is_stood_in_for(toll, caplog):
    loaded = toll.parts.map
    old = MapVersion("old", NOW - timedelta(days=9), NOW, '{"map.yaml": "company: X"}')
    new = MapVersion(loaded.map.version, NOW, NOW, "")
    first, last = eras_of([old, new], loaded)
    assert first.graph is last.graph is loaded.graph
    assert "map version old cannot be read any more" in caplog.text
