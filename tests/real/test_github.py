"""The walk of docs/github.md: a provider's real outages, and real merges that depend on it.

Everything goes the way users' data go: HTTP intake, the log, the ingester, the store, the assessor.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from fastapi.testclient import TestClient

from api.app import build_app
from api.assess.assessor import Assessor
from api.http.state import State
from api.run.status_pages import StatusPages
from api.run.wiring import Parts
from api.setup.mapfiles import read_map
from api.setup.settings import read_settings
from ingest.consumer import Ingester, topics_of
from ingest.embedded import EmbeddedLog
from ingest.kafka import KafkaLog
from ingest.log import Log
from ingest.rhythm import ConsumerConfig
from ingest.streams import IngestConfig
from store.store import Store
from tests.clickhouse_engine import MakeStore

pytestmark = [
    pytest.mark.shared,
    pytest.mark.engine,
    pytest.mark.network,
    pytest.mark.slow,
    pytest.mark.timeout(400),
]

MAP = Path(__file__).parents[2] / "deploy" / "examples" / "github" / "map.yaml"
MERGES, INCIDENTS = 76_991, 819
CHUNK = 10_000  # lines of one request


@pytest.fixture
def github(shared_data: Path) -> Path:
    return shared_data / "real" / "github"


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Log]:
    log = EmbeddedLog(tmp_path / "log.sqlite")
    yield log
    log.close()


def loaded(log: Log, store: Store, github: Path, prefix: str) -> Parts:
    """Parts whose store holds all signals and all merges, through HTTP and the log."""
    settings = read_settings(
        environ={"TOLL_TOPIC_PREFIX": prefix, "TOLL_MAP": str(MAP)}, file=Path("none")
    )
    parts = Parts(settings, IngestConfig(salt=b"real-input-salt!"), read_map(MAP), log, store)
    log.ensure_topics({settings.business_topic: 4, settings.signals_topic: 2})
    state = State(parts)
    http = TestClient(build_app(state), headers={"Host": "127.0.0.1"})
    body = (github / "incidents.json").read_bytes()
    assert http.post("/v1/signals/statuspage", content=body).status_code == 202
    lines = gzip.decompress((github / "merges.ndjson.gz").read_bytes()).splitlines()
    accepted = 0
    for start in range(0, len(lines), CHUNK):
        chunk = b"\n".join(lines[start : start + CHUNK])
        query: dict[str, str | bool] = {"stream": "merges", "history": True}
        accepted += http.post("/v1/business", content=chunk, params=query).json()["accepted"]
    assert accepted == MERGES
    state.close()
    ingest(parts)
    return parts


def ingest(parts: Parts) -> None:
    settings = parts.settings
    topics = topics_of(parts.config, settings.business_topic, settings.signals_topic)
    rhythm = ConsumerConfig(signals_topic=settings.signals_topic)
    deadline = datetime.now(UTC) + timedelta(minutes=3)
    with ThreadPoolExecutor(1) as worker:
        consumer = parts.log.consumer("real", topics)
        ingester = Ingester(consumer, parts.store, worker, parts.config, rhythm)
        while ingester.stats.records == 0 or ingester.idle_since is None:
            assert datetime.now(UTC) < deadline, ingester.stats
            ingester.turn()
        consumer.close()
    assert ingester.stats.dead_letters == 0


def counted(store: Store) -> list[tuple[object, ...]]:
    """Every row of the counted minutes, as people read them."""
    found = store.volumes("merges", ["ok"], *EVER)
    return list(zip(found.times.tolist(), found.count.tolist(), strict=True))


EVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


@pytest.mark.kafka
def test_both_logs_give_the_same_to_the_row(
    github: Path, embedded: Log, make_store: MakeStore, kafka_broker: object, kafka_topic: object
) -> None:
    one, other = make_store(), make_store()
    loaded(embedded, one, github, "toll.")
    kafka = KafkaLog(kafka_broker.bootstrap)  # type: ignore[attr-defined]
    loaded(kafka, other, github, f"{kafka_topic()}.")  # type: ignore[operator]
    kafka.close()
    assert counted(one) == counted(other)
    assert one.volumes("merges", ["ok"], *EVER).count.sum() == MERGES
    first, second = ({s.id: s.started_at for s in db.signals.all()} for db in (one, other))
    assert first == second


def test_merges_that_an_outage_held_up_come_back(
    github: Path, embedded: Log, make_store: MakeStore
) -> None:
    parts = loaded(embedded, make_store(), github, "toll.")
    assessor = Assessor(parts)
    assessor.tick()
    while assessor.status.backlog:
        assessor.tick()
    http = TestClient(build_app(State(parts)), headers={"Host": "127.0.0.1"})
    incidents = http.get("/v1/incidents", params={"limit": 1000}).json()
    pagers = [
        pager
        for version in parts.store.incidents.find()
        for pager in {episode.pager for episode in version.incident.episodes}
    ]
    assert len(pagers) == len(set(pagers))  # each is in exactly one of ours
    assert 600 < len(pagers) <= len(told(github))  # but those whose components nobody claims
    assert len(incidents) > 600  # some of theirs overlap and are one
    priced = [i for i in incidents if i["impacts"]]
    assert {i["impacts"][0]["process"] for i in priced} == {"merges"}
    measured = [i["impacts"][0]["units"] for i in priced if i["impacts"][0]["units"]]
    assert len(measured) > 200
    assert all(u["lost"]["low"] <= u["lost"]["mid"] <= u["lost"]["high"] for u in measured)
    # two merges an hour: most outages are too short to say that anything was lost
    assert sum(u["lost"]["low"] <= 0 <= u["lost"]["high"] for u in measured) > 0.75 * len(measured)
    # where something was surely missing, much of it was merged later
    short = [u for u in measured if u["gross"]["low"] > 0]
    assert any(u["recovered"]["mid"] > 0.4 * u["gross"]["mid"] for u in short)


def told(github: Path) -> set[str]:
    """Ids of the provider's incidents that name a component of the map."""
    page = json.loads((github / "incidents.json").read_text())
    assert len(page["incidents"]) == INCIDENTS
    return {one["id"] for one in page["incidents"] if one["components"]}


def test_a_polled_page_gives_the_same_incidents_as_its_import(
    github: Path, tmp_path: Path, make_store: MakeStore
) -> None:
    body = (github / "incidents.json").read_bytes()
    found = []
    summary = summary_of(body)
    documents = {"summary.json": summary, "incidents.json": body}
    with status_page({**documents, "scheduled-maintenances.json": summary}) as url:
        text = MAP.read_text("utf-8").replace("https://www.githubstatus.com/api/v2", url)
        (tmp_path / "map.yaml").write_text(text, "utf-8")
        for polled in (True, False):
            log, store = EmbeddedLog(tmp_path / f"{polled}.sqlite"), make_store()
            settings = read_settings(environ={}, file=Path("none"))
            loaded_map = read_map(tmp_path / "map.yaml")
            parts = Parts(settings, IngestConfig(salt=b"real-input-salt!"), loaded_map, log, store)
            log.ensure_topics({settings.business_topic: 4, settings.signals_topic: 2})
            if polled:
                pages = StatusPages(parts)
                pages.look_once()
                pages.look_once()
                assert pages.away() == ()
            else:
                state = State(parts)
                http = TestClient(build_app(state), headers={"Host": "127.0.0.1"})
                answer = http.post("/v1/signals/statuspage", content=body)
                assert answer.status_code == 202
                state.close()
            ingest(parts)
            told = {(s.source, s.id, s.started_at, s.ended_at) for s in store.signals.all()}
            Assessor(parts).tick()
            incidents = {
                (v.incident.root, v.incident.started_at, v.incident.ended_at)
                for v in store.incidents.find()
            }
            found.append((told, incidents))
            log.close()
    assert len({id.partition(":")[0] for _, id, _, _ in found[0][0]}) == INCIDENTS
    assert found[0] == found[1]


def summary_of(body: bytes) -> bytes:
    """The page's `summary.json`: nothing is going on now."""
    page = json.loads(body)["page"]
    status = {"indicator": "none", "description": "All Systems Operational"}
    return json.dumps({"page": page, "status": status, "components": [], "incidents": []}).encode()


@contextmanager
def status_page(documents: Mapping[str, bytes]) -> Iterator[str]:
    """A status page on this machine; gives the address of its API. Repeats are answered by 304."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = documents[self.path.removeprefix("/api/v2/")]
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            known = self.headers.get("If-None-Match") == etag
            self.send_response(304 if known else 200)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", "0" if known else str(len(body)))
            self.end_headers()
            if not known:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/api/v2"
        server.shutdown()
        thread.join()
