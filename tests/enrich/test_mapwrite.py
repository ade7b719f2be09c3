from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enrich.mapfile import load
from enrich.mapwrite import as_yaml

GOOD = sorted((Path(__file__).parent.parent / "mapfiles" / "good").glob("*.yaml"))
EXAMPLES = sorted(Path(__file__).parents[2].glob("deploy/examples/*/map.yaml"))
HEAD = "company: Example\ncurrency: EUR\ntimezone: UTC\nprocesses: {sales: }\n"


@pytest.mark.parametrize("path", [*GOOD, *EXAMPLES], ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_what_is_written_is_the_same_map(path):
    found = load({path.name: path.read_text("utf-8")})
    assert load({"again": as_yaml(found)}).version == found.version


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


@settings(max_examples=60)
@given(TEXTS, TEXTS, TEXTS)
def test_whatever_the_texts_they_come_back(title, owner, value):
    quoted = [text.replace("'", "''") for text in (title, owner)]
    found = load(
        {
            "m": HEAD
            + f"services: {{shop: {{title: '{quoted[0]}', owner: '{quoted[1]}'}}}}\n"
            + "owners: {team: }"
        }
    )
    again = load({"m": as_yaml(found)})
    assert again.version == found.version
    assert again.owners == {"team": ""}
