"""docs/accuracy.md shows every kind of case."""

from __future__ import annotations

from tests.captures import CAPTURES
from tests.pictures import CASES, FOLDER, story

PAGE = FOLDER.parent / "accuracy.md"


def test_every_case_is_shown():
    text = PAGE.read_text("utf-8")
    assert {path.stem for path in FOLDER.glob("*.svg")} == CASES.keys() | CAPTURES.keys()
    assert all(f"](pictures/{name}.svg)" in text for name in CASES)


def test_a_picture_knows_its_truth():
    what = story(CASES["total_outage"], seed=11)
    assert what.remark.startswith("in truth ") and what.counted.low > 0
