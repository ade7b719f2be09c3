"""Prometheus' remote-write, 1.0 and 2.0: snappy around protobuf, samples of series out of it.

The messages are declared here field by field, since Prometheus ships them for Go alone; fields that
are not named are skipped, as protobuf does. Histograms, exemplars and metadata are of no use here.
Source: prometheus/prometheus, `prompb/remote.proto`, `prompb/types.proto` and
`prompb/io/prometheus/write/v2/types.proto`; the "Prometheus Remote-Write" specifications.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import cramjam
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from ingest.errors import InputError

_SYNTAX = "proto3"
_TYPES = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
}
# message -> field -> (number, type, repeated)
_V1: Mapping[str, Mapping[str, tuple[int, str, bool]]] = {
    "Label": {"name": (1, "string", False), "value": (2, "string", False)},
    "Sample": {"value": (1, "double", False), "timestamp": (2, "int64", False)},
    "TimeSeries": {"labels": (1, "Label", True), "samples": (2, "Sample", True)},
    "WriteRequest": {"timeseries": (1, "TimeSeries", True)},
}
# Since when a counter counts was said of the series first, and of each sample since 2.0-rc.4.
_V2: Mapping[str, Mapping[str, tuple[int, str, bool]]] = {
    "Sample": {
        "value": (1, "double", False),
        "timestamp": (2, "int64", False),
        "start_timestamp": (3, "int64", False),
    },
    "TimeSeries": {
        "labels_refs": (1, "uint32", True),
        "samples": (2, "Sample", True),
        "created_timestamp": (6, "int64", False),
    },
    "Request": {"symbols": (4, "string", True), "timeseries": (5, "TimeSeries", True)},
}


class Point(NamedTuple):
    """One sample of a series. Times are milliseconds since the epoch."""

    at_ms: int
    value: float
    since_ms: int = 0  # when it began to count, from zero; 0 where the sender does not say


class Series(NamedTuple):
    """One series of a request, and its samples."""

    labels: Mapping[str, str]
    samples: tuple[Point, ...]


def unpack(body: bytes, limit: int) -> bytes:
    """The bytes in a snappy block; `InputError` where it is none, or over `limit` bytes long."""
    try:
        size = cramjam.snappy.decompress_raw_len(body)
        if size > limit:
            raise InputError(f"the body unpacks to {size:,} bytes; the limit is {limit:,}")
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise InputError(f"the body is not a snappy block: {error}") from error


def read_v1(packed: bytes) -> Iterator[Series]:
    """The series of a `prometheus.WriteRequest`."""
    for one in _parse(WRITE_REQUEST, packed).timeseries:
        labels = {label.name: label.value for label in one.labels}
        yield Series(labels, tuple(Point(s.timestamp, s.value) for s in one.samples))


def read_v2(packed: bytes) -> Iterator[Series]:
    """The series of an `io.prometheus.write.v2.Request`, whose labels point into its symbols."""
    request = _parse(REQUEST_V2, packed)
    symbols = request.symbols
    for one in request.timeseries:
        refs = list(one.labels_refs)
        if len(refs) % 2 or any(ref >= len(symbols) for ref in refs):
            raise InputError("a series has labels that are not among the symbols")
        names = zip(refs[::2], refs[1::2], strict=True)
        labels = {symbols[name]: symbols[value] for name, value in names}
        since = one.created_timestamp
        yield Series(
            labels,
            tuple(Point(s.timestamp, s.value, s.start_timestamp or since) for s in one.samples),
        )


def _parse(message: Any, packed: bytes) -> Any:
    try:
        return message.FromString(packed)
    except DecodeError as error:
        raise InputError(f"the body is no {message.DESCRIPTOR.full_name}: {error}") from error


def _declared(
    package: str, messages: Mapping[str, Mapping[str, tuple[int, str, bool]]], name: str
) -> Any:
    """The class of a message."""
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax=_SYNTAX)
    for message, fields in messages.items():
        declared = file.message_type.add(name=message)
        for field, (number, kind, repeated) in fields.items():
            added = declared.field.add(name=field, number=number)
            added.label = (
                FieldDescriptorProto.LABEL_REPEATED
                if repeated
                else FieldDescriptorProto.LABEL_OPTIONAL
            )
            if kind in _TYPES:
                added.type = _TYPES[kind]
            else:
                added.type, added.type_name = (
                    FieldDescriptorProto.TYPE_MESSAGE,
                    f".{package}.{kind}",
                )
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


WRITE_REQUEST = _declared("prometheus", _V1, "WriteRequest")
REQUEST_V2 = _declared("io.prometheus.write.v2", _V2, "Request")
