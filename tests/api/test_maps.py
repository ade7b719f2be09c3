from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest

from api.assess.assessor import Assessor
from api.client import _local
from api.setup.mapfiles import plainly_named, read_map
from tests.api.app import SHOP, assert_problem

pytestmark = pytest.mark.engine
EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
NOW = datetime.now(UTC)


def change_map(toll, tmp_path, old: str, new: str) -> None:
    """Take a changed map into use."""
    [text] = toll.parts.map.texts.values()
    assert old in text
    path = tmp_path / "changed.yaml"
    path.write_text(text.replace(old, new), "utf-8")
    toll.parts.map = read_map(path)
    toll.assess(datetime.now(UTC))


def test_history_and_difference_of_two_versions(toll, tmp_path):
    toll.assess(NOW)
    first = toll.parts.map.map.version
    change_map(toll, tmp_path, "{ at_least: 2, of: [stripe, adyen] }", "{ any: [stripe, adyen] }")
    newest, oldest = toll.ask("/v1/map/history")
    assert (newest["in_force"], newest["changes"], oldest["version"]) == (True, 1, first)
    for found in (toll.ask("/v1/map/diff"), toll.ask("/v1/map/diff", before=first[:6])):
        assert (found["before"], found["after"]) == (first, newest["version"])
        [change] = found["changes"]
        assert (change["thing"], change["name"]) == ("service", "payment")
        assert {"node": "stripe", "process": "checkout", "before": 0.5, "now": 0.0} in found[
            "effects"
        ]
    back = toll.ask("/v1/map/diff", before=newest["version"], after=first)
    assert {e["now"] for e in back["effects"]} == {0.5}
    assert_problem(toll.http.get("/v1/map/diff", params={"before": "nothing"}), 404)


def test_a_map_without_a_past_has_no_difference(toll):
    assert toll.ask("/v1/map/history") == []
    assert_problem(toll.http.get("/v1/map/diff"), 404)


def test_risks_are_sorted_by_what_they_carry(shop):
    found = shop.toll.ask("/v1/map/risks")
    assert found["total"] == len(found["risks"])
    peaks = [float(r["hour_peak"]["mid"]) if r["hour_peak"] else 0.0 for r in found["risks"]]
    assert peaks == sorted(peaks, reverse=True) and peaks[0] > 0
    centre = next(r for r in found["risks"] if r["node"] == "data-centre")
    assert {p["process"] for p in centre["processes"]} == {"checkout", "fulfilment", "support"}
    assert "stripe" not in {r["node"] for r in found["risks"]}
    wider = shop.toll.ask("/v1/map/risks", below=0.6)
    assert "stripe" in {r["node"] for r in wider["risks"]}
    said = [g["words"] for g in found["near_misses"]]
    assert "Payment needs all of Stripe, Adyen: none can be spared" in said
    assert (
        "Payments application has a choice of Host A, Host B, and all hang on Data centre" in said
    )


def test_what_has_no_price_by_the_hour_is_not_said_to_cost_nothing(shop):
    risks = shop.toll.ask("/v1/map/risks")["risks"]
    calls_only = [r for r in risks if {p["process"] for p in r["processes"]} == {"support"}]
    assert calls_only
    for risk in calls_only:
        assert risk["hour_now"] is None and risk["hour_peak"] is None
        assert "support/calls: a load depends on how long an outage lasts" in risk["not_counted"]
        outage = shop.toll.ask("/v1/what-if/outage", node=risk["node"])
        assert outage["cost"] is None
        page = shop.toll.http.get(f"/map/{risk['node']}").text
        assert "No price: nothing that it reaches carries money by the hour." in page
    for path in ("/map", "/processes", "/processes/support", "/"):
        assert "EUR 0" not in shop.toll.http.get(path).text, path


def test_reach_tells_paths_in_words_and_what_is_left_now(shop):
    found = shop.toll.ask("/v1/map/nodes/carrier-one/reach")
    assert found["paths"] == ["First carrier (provider) -> Telephony (service) -> Customer support"]
    assert (found["needed_by"], found["through"]) == (["telephony"], ["support"])
    assert found["redundancy"] == ["one of two providers is left"]
    assert shop.toll.ask("/v1/map/nodes/carrier-one/reach", live=True)["in_trouble"] == []


def test_gaps_need_incidents(toll, shop):
    assert toll.ask("/v1/map/gaps") == []
    assert shop.toll.ask("/v1/map/gaps", **{"from": shop.began.isoformat()}) == []


def test_the_picture_is_served_and_drawn(toll):
    found = toll.http.get("/v1/map.svg", params={"live": True, "theme": "dark"})
    assert found.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(found.text).tag.endswith("svg")
    part = toll.http.get("/v1/map.svg", params={"around": "carrier-one"}).text
    assert "Customer support" in part and "Stripe" not in part
    assert_problem(toll.http.get("/v1/map.svg", params={"around": "nobody"}), 404)


@pytest.fixture
def asked(toll, monkeypatch):
    """Commands ask the Toll of the test."""

    @contextmanager
    def connected(_):
        yield _local(toll.state)

    monkeypatch.setattr("api.cli.maps.connect", connected)
    return toll


def test_the_files_of_a_version_are_what_was_written(toll, tmp_path):
    toll.assess(NOW)
    first, [text] = toll.parts.map.map.version, toll.parts.map.texts.values()
    change_map(toll, tmp_path, "{ at_least: 2, of: [stripe, adyen] }", "{ any: [stripe, adyen] }")
    assert toll.ask("/v1/map/files", version=first[:6]) == {
        "version": first,
        "files": {"map.yaml": text},
    }
    assert list(toll.ask("/v1/map/files")["files"]) == ["changed.yaml"]
    assert_problem(toll.http.get("/v1/map/files", params={"version": "abc"}), 404)


def test_files_are_named_as_they_lie_in_their_folder():
    texts = {"/maps/a.yaml": "1", "/maps/shop/catalog-info.yaml": "2"}
    assert plainly_named(texts) == {"a.yaml": "1", "shop/catalog-info.yaml": "2"}
    assert plainly_named({"/maps/a.yaml": "1"}) == {"a.yaml": "1"}


@pytest.fixture
def drafted(tmp_path):
    """The map of the shop, in which either provider is enough."""
    text = SHOP.read_text("utf-8")
    path = tmp_path / "draft.yaml"
    path.write_text(text.replace("at_least: 2, of: [stripe, adyen]", "any: [stripe, adyen]"))
    return path


def test_two_files_are_compared_without_a_toll(cli, alone, drafted):
    code, out, err = cli(f"map diff {SHOP} {drafted}")
    assert (code, err) == (0, "")
    assert "~ service payment" in out and "without stripe, checkout loses 0%" in out
    code, out, _ = cli(f"map diff {drafted} {SHOP} --json")
    assert {e["now"] for e in json.loads(out)["effects"]} == {0.5}


def test_a_file_is_compared_with_what_is_in_force_or_with_a_version(cli, asked, drafted):
    asked.assess(NOW)
    version = asked.parts.map.map.version
    for line in (f"map diff {drafted}", f"map diff {version[:8]} {drafted}"):
        code, out, err = cli(line)
        assert (code, err) == (0, "")
        assert out.startswith(version) and "without stripe, checkout loses 0%" in out
    code, out, _ = cli(f"map diff {drafted} {version}")
    assert code == 0 and "without stripe, checkout loses 50%" in out


def test_a_file_that_is_not_there_or_is_no_map_is_told(cli, asked, tmp_path):
    code, out, err = cli("map diff nowhere.yaml")
    assert (code, out) == (1, "") and "nowhere.yaml" in err
    (tmp_path / "draft.yaml").write_text("company: Shop\nservises: {}\n")
    code, out, err = cli("map diff draft.yaml")
    assert (code, out) == (1, "") and "did you mean 'services'" in err


def test_the_first_version_holds_since_ever(cli, asked, tmp_path):
    Assessor(asked.parts).tick()
    code, out, _ = cli("map history")
    assert code == 0 and "in force  ever " in out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("history", "in force"),
        ("diff", "~ service payment"),
        ("risks", "Data centre"),
        ("gaps", "No incident speaks against the map."),
        ("risks --json", '"near_misses"'),
        ("draw --live", "</svg>"),
    ],
)
def test_commands_print_what_the_routes_say(cli, asked, tmp_path, command, says):
    asked.assess(NOW)
    change_map(asked, tmp_path, "{ at_least: 2, of: [stripe, adyen] }", "stripe")
    code, out, err = cli(f"map {command}")
    assert (code, err) == (0, "")
    assert says in out
    assert "--" in command or max(map(len, out.splitlines())) <= 80


def test_a_picture_can_be_drawn_from_a_file_alone(cli, tmp_path):
    code, out, err = cli(f"map draw --map {EXAMPLES}/backstage -o map.svg --theme light")
    assert (code, out, err) == (0, "", "")
    assert "Kitchen &amp; Garden" in (tmp_path / "map.svg").read_text("utf-8")
    assert cli(f"map draw --map {EXAMPLES}/backstage --theme pink")[0] == 2


def test_import_prints_a_map_that_is_good(cli, tmp_path):
    code, out, err = cli(f"map import backstage {EXAMPLES}/backstage")
    assert (code, err) == (0, "")
    (tmp_path / "map.yaml").write_text(out, "utf-8")
    code, out, _ = cli("check map.yaml")
    assert code == 0 and "2 processes with 2 measures, 25 nodes" in out


def test_import_tells_what_is_missing_and_what_is_wrong(cli, tmp_path):
    (tmp_path / "inventory.csv").write_text("name;layer\npayment;service\n", "utf-8")
    code, out, err = cli("map import csv inventory.csv")
    assert (code, out) == (0, "services: {payment: ~}\n")
    assert "company is missing" in err
    (tmp_path / "inventory.csv").write_text("name;layer\npayment;servise\n", "utf-8")
    code, out, err = cli("map import csv inventory.csv")
    assert (code, out) == (1, "")
    assert "inventory.csv:2:2: 'servise' is not a layer; did you mean 'service'?" in err
    assert cli("map import backstage .")[0] == 1
