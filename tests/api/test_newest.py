"""What is dear is made once, and only so much of it is kept."""

from __future__ import annotations

from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from api.http.newest import Newest


def test_what_was_asked_for_longest_ago_goes():
    made: list[bytes] = []

    def ask(key: bytes) -> bytes:
        def make() -> bytes:
            made.append(key)
            return key.upper()

        return kept.get(key, make)

    kept = Newest(2)
    assert [ask(k) for k in (b"a", b"b", b"a", b"c", b"a", b"b")] == [
        b"A", b"B", b"A", b"C", b"A", b"B"
    ]  # fmt: skip
    assert made == [b"a", b"b", b"c", b"b"]


@given(st.lists(st.binary(max_size=1)), st.integers(1, 5))
def test_it_never_answers_with_another(keys, most):
    kept = Newest(most)
    for key in keys:
        assert kept.get(key, partial(b"of ".__add__, key)) == b"of " + key
