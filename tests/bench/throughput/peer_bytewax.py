"""Bytewax: decode and count per minute, in memory.

    python peer_bytewax.py BROKER TOPIC EVENTS

Prints one line of JSON. Whole batches of records are handed to one function, which is the fastest
way it offers. Nothing is stored and no repeat is looked for.
"""

import json
import sys
import time
from collections import Counter

import bytewax.operators as op  # type: ignore[import-not-found]
import orjson
from bytewax.connectors.kafka import KafkaSource  # type: ignore[import-not-found]
from bytewax.dataflow import Dataflow  # type: ignore[import-not-found]
from bytewax.testing import TestingSink, cluster_main  # type: ignore[import-not-found]
from confluent_kafka import OFFSET_BEGINNING


def main() -> None:
    broker, name, expected = sys.argv[1], sys.argv[2], int(sys.argv[3])
    counts: Counter[tuple[str, str, str]] = Counter()
    seen, began, ended = 0, 0.0, 0.0
    cpu_began, cpu_ended = 0.0, 0.0

    def count(batch):
        nonlocal seen, began, ended, cpu_began, cpu_ended
        if not seen:
            began, cpu_began = time.perf_counter(), time.process_time()
        for message in batch:
            for line in message.value.split(b"\n"):
                event = orjson.loads(line)
                counts[event["stream"], event["at"][:16], event["status"]] += 1
                seen += 1
        ended, cpu_ended = time.perf_counter(), time.process_time()
        return []

    flow = Dataflow("bench")
    source = KafkaSource([broker], [name], tail=False, starting_offset=OFFSET_BEGINNING)
    stream = op.flat_map_batch("count", op.input("read", flow, source), count)
    op.output("none", stream, TestingSink([]))
    started = time.perf_counter()
    cluster_main(flow, [], 0)
    if sum(counts.values()) != expected:
        raise SystemExit(f"peer_bytewax.py: counted {sum(counts.values())}, expected {expected}")
    handled = {"events": seen, "seconds": ended - began, "with_start": ended - started}
    print(json.dumps(handled | {"cpu_seconds": cpu_ended - cpu_began}))


main()
