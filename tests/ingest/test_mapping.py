from __future__ import annotations

import pytest

from ingest.errors import SettingsError
from ingest.mapping import PLAIN, Path, compile_path, shape_of
from ingest.streams import TopicMapping


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("$.txId", ("txId",)),
        ("$.order.total", ("order", "total")),
        ("$.lines[0].price", ("lines", 0, "price")),
        ("$[1]", (1,)),
        ("$[\"odd name\"]['a.b']", ("odd name", "a.b")),
    ],
)
def test_paths_are_steps_into_objects_and_arrays(written: str, expected: Path) -> None:
    assert compile_path(written) == expected


@pytest.mark.parametrize("written", ["", "$", "txId", "$txId", "$.", "$.a..b", "$.a[x]", "$.a b"])
def test_what_is_no_path_says_how_to_write_one(written: str) -> None:
    with pytest.raises(SettingsError, match=r"write it like \$"):
        compile_path(written)


def test_without_a_mapping_fields_stand_under_their_own_names() -> None:
    assert shape_of(None) is PLAIN
    assert PLAIN.flat and PLAIN.paths["id"] == (("id",),)


def test_a_mapping_changes_only_the_fields_it_names() -> None:
    shape = shape_of(TopicMapping("t", "orders", {"id": ["$.a", "$.b"], "value": []}))
    assert shape.paths["id"] == (("a",), ("b",))
    assert shape.paths["value"] == () and shape.paths["key"] == (("key",),)
    assert shape.stream == "orders" and shape.flat
    assert not shape_of(TopicMapping("t", None, {"id": "$.a.b"})).flat


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"ident": "$.a"}, "no field 'ident'"),
        ({"amount": ["$.a", "$.b"]}, "amount takes one path"),
    ],
)
def test_a_wrong_mapping_is_a_settings_error(fields: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        shape_of(TopicMapping("t", None, fields))
