"""Compressions of Kafka that kafka-python reads only where somebody installed a library for each.

Without them it is not that a topic cannot be read: on the first batch of such a topic the library
turns round itself for good. `cramjam`, which remote-write needs anyway, knows both.
"""

from __future__ import annotations

import io
from typing import Any

import cramjam
from kafka import codec  # type: ignore[import-untyped]


class _Snappy:
    """What the library asks of `python-snappy` in order to read."""

    @staticmethod
    def decompress(block: bytes) -> bytes:
        return bytes(cramjam.snappy.decompress_raw(block))


class _Zstandard:
    """What the library asks of `zstandard` in order to read."""

    class ZstdDecompressor:
        def stream_reader(self, packed: io.BytesIO, **_: Any) -> io.BytesIO:
            return io.BytesIO(bytes(cramjam.zstd.decompress(packed.read())))


def know_every_codec() -> None:
    """Let the library read snappy and zstd; where it found libraries of its own, with these."""
    codec.snappy = codec.snappy or _Snappy
    codec.zstd = codec.zstd or _Zstandard
