"""Quix Streams: decode and count per minute, in memory.

    python peer_quix.py BROKER TOPIC EVENTS

Prints one line of JSON. A record may hold several lines: one call handles a record, which is the
fastest way it offers. Nothing is stored and no repeat is looked for.
"""

import json
import sys
import time
import uuid
from collections import Counter

import orjson
from quixstreams import Application  # type: ignore[import-not-found]


def main() -> None:
    broker, name, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = Application(
        broker,
        consumer_group=f"bench-quix-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="ERROR",
    )
    topic = app.topic(name, value_deserializer="bytes", key_deserializer="bytes")
    counts: Counter[tuple[str, str, str]] = Counter()
    seen, began, ended = 0, 0.0, 0.0
    cpu_began, cpu_ended = 0.0, 0.0

    def count(value: bytes) -> None:
        nonlocal seen, began, ended, cpu_began, cpu_ended
        if not seen:
            began, cpu_began = time.perf_counter(), time.process_time()
        for line in value.split(b"\n"):
            event = orjson.loads(line)
            counts[event["stream"], event["at"][:16], event["status"]] += 1
            seen += 1
        if seen == expected:
            ended, cpu_ended = time.perf_counter(), time.process_time()
            app.stop()

    app.dataframe(topic).update(count)
    started = time.perf_counter()
    app.run()
    if sum(counts.values()) != expected:
        raise SystemExit(f"peer_quix.py: counted {sum(counts.values())}, expected {expected}")
    handled = {"events": seen, "seconds": ended - began, "with_start": ended - started}
    print(json.dumps(handled | {"cpu_seconds": cpu_ended - cpu_began}))


main()
