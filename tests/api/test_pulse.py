"""Listeners are told that there is something new, by one look for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import httpx2
import pytest

from api.http.pulse import Pulse
from ingest.errors import UnavailableError
from tests.api.app import TOKENS, assert_problem
from tests.api.test_reading import known

LONG = 60.0  # seconds: never within a test


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def changing() -> Iterator[str]:
    return (f"seen {n}" for n in count())


async def heard(pulse: Pulse, how_many: int, told: str = "") -> list[str | None]:
    """The first things that a listener is told; it leaves then."""
    found: list[str | None] = []
    listening = pulse.listen(told)
    async with asyncio.timeout(10):
        async for said in listening:
            found.append(said)
            if len(found) == how_many:
                break
    await listening.aclose()  # type: ignore[attr-defined]  # a generator has it
    return found


@pytest.mark.anyio
async def test_all_are_told_by_one_look():
    looks = changing()
    pulse = Pulse(lambda: next(looks), look_s=0.005)
    told = await asyncio.gather(*(heard(pulse, 3) for _ in range(20)))
    assert told == [["seen 0", "seen 1", "seen 2"]] * 20
    assert next(looks) == "seen 3"  # nobody looked more often than all of them were told
    assert pulse.listeners == 0


@pytest.mark.anyio
async def test_what_has_not_changed_is_told_seldom_and_the_connection_kept():
    pulse = Pulse(lambda: "same", look_s=0.001, heartbeat_s=0.01, seldom_s=LONG)
    assert await heard(pulse, 3) == ["same", None, None]
    often = Pulse(lambda: "same", look_s=0.001, seldom_s=0.0)
    assert await heard(often, 3) == ["same"] * 3


@pytest.mark.anyio
async def test_whoever_comes_back_is_told_what_he_missed():
    pulse = Pulse(lambda: "today", look_s=LONG, heartbeat_s=0.01)
    stays = asyncio.create_task(heard(pulse, 1000))
    assert await heard(pulse, 1) == ["today"]
    assert await heard(pulse, 1, told="today") == [None]
    assert await heard(pulse, 1, told="yesterday") == ["today"]
    pulse.end()
    await stays


@pytest.mark.anyio
async def test_a_store_that_is_away_ends_nothing():
    answers: Iterator[str | Exception] = iter(
        ["before", UnavailableError("gone"), ValueError("bug"), "after"]
    )

    def look() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    pulse = Pulse(look, look_s=0.001, heartbeat_s=LONG, seldom_s=LONG)
    assert await heard(pulse, 2) == ["before", "after"]


@pytest.mark.anyio
async def test_there_is_room_for_some_and_for_nobody_in_the_end():
    pulse = Pulse(lambda: "same", most=1)
    assert pulse.refusal() == ""
    listening = asyncio.create_task(heard(pulse, 1000))
    while not pulse.listeners:
        await asyncio.sleep(0)
    assert "1 pages listen already" in pulse.refusal()
    pulse.end()
    assert len(await listening) <= 1
    assert "stopping" in pulse.refusal()


@pytest.mark.engine
def test_the_stream_on_the_wire(guarded):
    async def ask(path: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(guarded.http.app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
            asking = asyncio.create_task(client.get(path))
            while not guarded.state.pulse.listeners and not asking.done():
                await asyncio.sleep(0.001)
            guarded.state.pulse.end()
            return await asking

    answer = asyncio.run(ask(f"/t/{TOKENS['read']}/live"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "retry: 3000\n" in answer.text
    assert_problem(guarded.http.get("/live"), 401)
    assert "is stopping" in assert_problem(guarded.http.get("/t/toll_reading/live"), 503)["detail"]


@pytest.mark.engine
def test_what_was_written_is_news(toll):
    before = toll.parts.store.news()
    assert toll.parts.store.news() == before
    known(toll)
    assert toll.parts.store.news() != before
