"""Commands where no Toll runs: they open the embedded log and store themselves."""

from __future__ import annotations

import json

import pytest

from tests.api.app import SHOP, ndjson, payment


@pytest.mark.engine
@pytest.mark.slow
def test_commands_open_the_embedded_files_themselves(cli, alone, own_engine, tmp_path, monkeypatch):
    monkeypatch.setenv("TOLL_MAP", str(SHOP))
    (tmp_path / "a.ndjson").write_bytes(ndjson([payment(n) for n in range(5)]))
    code, out, err = cli("import a.ndjson --json")
    assert (code, json.loads(out)["accepted"]) == (0, 5), err
    assert json.loads(cli("coverage --json")[1])["streams"][0]["events"] == 5
    assert json.loads(cli("incidents --json")[1]) == []
