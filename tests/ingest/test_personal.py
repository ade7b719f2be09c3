from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b

import pyarrow as pa
import pytest

from ingest.personal import hash_column, hash_value


def test_hashes_are_keyed_blake2b_of_twelve_bytes_in_sixteen_characters() -> None:
    digest = blake2b("Zoë".encode(), key=b"pepper", digest_size=12).digest()
    expected = urlsafe_b64encode(digest).decode()
    assert hash_value("Zoë", b"pepper") == expected
    assert len(hash_value("Zoë", b"pepper")) == 16
    assert hash_value("Zoë", b"salt") != expected


def test_values_keep_their_order_and_nothing_stays_nothing() -> None:
    one, two = hash_value("1", b"s"), hash_value("2", b"s")
    assert hash_column(pa.array(["2", "", "1", "2"]), b"s").to_pylist() == [two, "", one, two]


def test_a_salt_may_be_longer_than_a_key() -> None:
    assert hash_value("1", b"s" * 65) != hash_value("1", b"s" * 64)


def test_without_a_salt_only_nothing_can_be_hashed() -> None:
    assert hash_column(pa.array([""]), b"").to_pylist() == [""]
    with pytest.raises(ValueError, match="salt"):
        hash_column(pa.array(["1"]), b"")
