"""A real Prometheus writes a counter of payments to Toll, which restarts in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from api.run.counting import Follower
from ingest.streams import CounterMapping, IngestConfig
from store.store import Store
from tests.api.app import SALT, TOKENS, Toll, opened, with_tokens
from tests.e2e.ingesting import wait
from tests.senders import prometheus, served

pytestmark = [pytest.mark.engine, pytest.mark.network, pytest.mark.slow]

COUNTER = CounterMapping("shop_payments_total", "payments", {"job": "till"}, status_label="result")
CONFIG = """
global: {{scrape_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: till
    static_configs: [{{targets: ["{till}"]}}]
remote_write:
  - url: "http://{toll}/api/v1/write"
    authorization: {{credentials: {token}}}
    queue_config: {{batch_send_deadline: 1s, min_backoff: 100ms, max_backoff: 500ms}}
"""


class Till:
    """What Prometheus scrapes: how many payments there have been."""

    payments = 1000


@contextmanager
def till() -> Iterator[tuple[Till, str]]:
    state = Till()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = f'shop_payments_total{{result="ok"}} {state.payments}\n'
            body = b"# TYPE shop_payments_total counter\n" + said.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state, f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def samples(toll: Toll) -> int:
    return len(toll.lines(toll.parts.settings.counters_topic))


def counted(toll: Toll) -> int:
    """What of the counter has been counted, by a reader that starts anew each time."""
    consumer = toll.parts.log.consumer("toll-counters", [toll.parts.settings.counters_topic])
    producer = toll.parts.log.producer()
    reader = Follower(toll.parts, consumer, producer)
    reader.turn(0.0)  # takes the partitions up
    while reader.turn(0.0):
        pass
    consumer.close()
    producer.close()
    toll.ingest()
    now = datetime.now(UTC)
    found = toll.parts.store.volumes(
        "payments", ["ok"], now - timedelta(hours=1), now + timedelta(hours=1)
    )
    return int(found.count.sum())


@pytest.mark.usefixtures("senders")
def test_payments_that_prometheus_counts(tmp_path: Path, store: Store) -> None:
    config = IngestConfig(salt=SALT, counters=(COUNTER,))
    with opened(tmp_path, store, tokens=with_tokens(), config=config) as toll, till() as (shop, at):
        with ExitStack() as restarts:
            address = restarts.enter_context(served(toll))
            said = CONFIG.format(till=at, toll=address, token=TOKENS["write"])
            with prometheus(tmp_path, said, "groups: []"):
                wait(lambda: samples(toll) >= 2, 60)
                assert counted(toll) == 0, "where the counter stood is nothing that happened"
                shop.payments += 7
                wait(lambda: counted(toll) == 7, 60)
                shop.payments = 3  # the shop was started again
                wait(lambda: counted(toll) == 10, 60)
                shop.payments += 5
                wait(lambda: counted(toll) == 15, 60)
                restarts.close()  # Toll is away
                shop.payments += 100
                before = samples(toll)
                restarts.enter_context(served(toll, int(address.rpartition(":")[2])))
                wait(lambda: counted(toll) == 115, 60)
                assert samples(toll) > before
        assert counted(toll) == 115
