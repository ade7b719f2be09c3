"""Keys and customers may be personal data: by default only their keyed hash is kept.

BLAKE2b (RFC 7693) keyed with the company's salt, 16 bytes as 32 hex digits. One salt for all
streams and for both fields, so that the same order or customer can still be joined everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

_MAX_KEY = 64  # RFC 7693: keys of up to 64 bytes; a longer salt is first hashed itself


def hash_values(values: Sequence[str], salt: bytes) -> list[str]:
    """The hashes of texts, in their order; "" (nothing to hide) stays "".

    Each distinct value is hashed once, from a copy of the keyed start state: about 0.4 us each.
    """
    if not salt and any(values):
        raise ValueError("keys are to be hashed, but there is no salt: set one, or `keys: plain`")
    keyed = blake2b(key=salt if len(salt) <= _MAX_KEY else blake2b(salt).digest(), digest_size=16)
    hashes = {"": ""}
    for value in set(values):
        if value:
            state = keyed.copy()
            state.update(value.encode())
            hashes[value] = state.hexdigest()
    return [hashes[value] for value in values]


def hash_value(value: str, salt: bytes) -> str:
    """The hash under which one key or customer is stored: for looking somebody up."""
    return hash_values([value], salt)[0]
