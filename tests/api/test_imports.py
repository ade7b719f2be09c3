"""Files to import, as chunks of lines."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest

from api import imports
from api.imports import chunks, kind_of, read_all
from ingest.errors import InputError

EVENTS = [{"id": f"e{n}", "stream": "payments", "at": "2026-11-22T10:14:03Z"} for n in range(7)]


def written(folder, name: str, content: str | bytes):
    body = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    return path


def events(path, renames=None, skip=0):
    found = chunks(path, kind_of(path), renames or {}, skip)
    return [json.loads(line) for chunk in found for line in chunk.body.split(b"\n")]


NDJSON = "\n".join(json.dumps(e) for e in EVENTS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson", NDJSON),
        ("a.jsonl.gz", NDJSON + "\n\n"),
        ("a.json", NDJSON),
        ("a.JSON", json.dumps(EVENTS, indent=2)),
        ("a.json.gz", json.dumps(EVENTS)),
        ("a.csv", "id,stream,at\n" + "\n".join(",".join(e.values()) for e in EVENTS)),
        ("a.csv.gz", "\ufeffid,stream,at\r\n" + "\r\n".join(",".join(e.values()) for e in EVENTS)),
    ],
)
def test_the_same_events_from_every_kind(tmp_path, name, content):
    assert events(written(tmp_path, name, content)) == EVENTS


def test_one_object_over_several_lines(tmp_path):
    assert events(written(tmp_path, "a.json", json.dumps(EVENTS[0], indent=1))) == EVENTS[:1]


def test_a_providers_own_json_is_told_by_its_content(tmp_path):
    page = {"page": {"name": "Example"}, "incidents": []}
    path = written(tmp_path, "incidents.json.gz", json.dumps(page))
    assert kind_of(path) == "statuspage"
    assert json.loads(read_all(path)) == page


def test_csv_columns_become_fields(tmp_path):
    path = written(
        tmp_path,
        "tx.csv",
        'txId,ts,count,value,amount,note\n7,2026-11-22T10:14:03Z,3,1.5,0.10,"a,b"\n',
    )
    [event] = events(path, {"id": "txId", "at": "ts"})
    assert (event["id"], event["at"]) == ("7", "2026-11-22T10:14:03Z")
    assert (event["count"], event["value"], event["amount"]) == (3, 1.5, "0.10")


def test_an_empty_cell_is_no_value(tmp_path):
    assert events(written(tmp_path, "a.csv", "id,key\n1,\n")) == [{"id": "1"}]


def test_parquet_keeps_digits_and_zones(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame(
        {
            "txId": ["1", "2"],
            "at": [datetime(2026, 11, 22, 10, 14, 3, 7000, UTC)] * 2,
            "amount": [Decimal("0.10"), Decimal("12345678901234567.89")],
        }
    ).write_parquet(path)
    first, second = events(path, {"id": "txId"})
    assert (first["id"], first["at"]) == ("1", "2026-11-22T10:14:03.007Z")
    assert second["amount"] == "12345678901234567.89"


def test_a_line_that_is_no_json_goes_on_as_it_is(tmp_path):
    path = written(tmp_path, "a.ndjson", 'not json\n[1]\n{"x": 1}')
    [chunk] = chunks(path, "ndjson", {"id": "x"})
    assert chunk.body.split(b"\n") == [b"not json", b"[1]", b'{"x":1,"id":1}']


def test_an_import_goes_on_where_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(imports, "CHUNK_LINES", 3)
    path = written(tmp_path, "a.ndjson", NDJSON)
    found = list(chunks(path, "ndjson", {}))
    assert [c.lines_done for c in found] == [3, 6, 7]
    assert [c.body.count(b"\n") + 1 for c in found] == [3, 3, 1]
    assert found[-1].share_done == 1.0
    for done in found:
        assert events(path, skip=done.lines_done) == EVENTS[done.lines_done :]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xlsx", b"", "name it"),
        ("a.parquet", b"PAR1 no", "Parquet"),
        ("a.csv", b"id\n\xff\xfe\n", "UTF-8"),
        ("a.json", b"[1, 2", None),  # lines, each of which becomes a dead letter
    ],
)
def test_files_that_are_not_what_they_say(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    if said is None:
        assert [c.body for c in chunks(path, kind_of(path), {})] == [content]
        return
    with pytest.raises(InputError, match=said) as error:
        list(chunks(path, kind_of(path), {}))
    assert "\n" not in str(error.value)


def test_a_gzip_file_that_was_cut_off(tmp_path):
    path = tmp_path / "a.ndjson.gz"
    path.write_bytes(gzip.compress(NDJSON.encode())[:-9])
    with pytest.raises(InputError, match="gzip"):
        list(chunks(path, "ndjson", {}))
