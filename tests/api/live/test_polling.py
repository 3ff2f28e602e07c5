"""ETags, and waiting for a change."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.api.live.conftest import Served
from tests.support.processes import wait_until


def status(
    bot: Served, execution_id: str, *, etag: str | None = None, wait: object = 0
) -> httpx.Response:
    headers = {} if etag is None else {"If-None-Match": etag}
    url = f"{bot.url}/api/crew/status/{execution_id}?wait={wait}"
    return httpx.get(url, headers=headers, timeout=20, trust_env=False)


def test_an_etag_changes_with_the_status(bot: Served) -> None:
    execution_id = bot.start()
    first = status(bot, execution_id)
    etag = first.headers["ETag"]

    same = [
        status(bot, execution_id, etag=etag),
        status(bot, execution_id, etag=f"W/{etag}"),
        status(bot, execution_id, etag=f'"other", {etag}'),
        status(bot, execution_id, etag="*"),
    ]
    assert [(answer.status_code, answer.content) for answer in same] == [(304, b"")] * 4
    assert same[0].headers["ETag"] == etag
    bot.run_phase()
    changed = status(bot, execution_id, etag=etag)
    assert changed.status_code == 200
    assert changed.json()["status"] == "waiting_feedback"
    assert changed.headers["ETag"] != etag


def test_waiting_ends_when_the_status_changes(bot: Served) -> None:
    execution_id = bot.start()
    etag = status(bot, execution_id).headers["ETag"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(status, bot, execution_id, etag=etag, wait=15)
        wait_until(lambda: bot.hub.listeners == 1, what="the client to wait", within=10)
        began = time.monotonic()
        bot.run_phase()
        answer = waiting.result()

    assert time.monotonic() - began < 5
    assert answer.status_code == 200
    assert answer.json()["status"] in ("running", "waiting_feedback")
    bot.until_free()


def test_waiting_ends_after_the_seconds_asked_for(bot: Served) -> None:
    execution_id = bot.start()
    etag = status(bot, execution_id).headers["ETag"]
    began = time.monotonic()

    assert status(bot, execution_id, etag=etag, wait=1).status_code == 304
    assert 1 <= time.monotonic() - began < 5
    assert status(bot, execution_id, wait=30).status_code == 200, "without an ETag: at once"


@pytest.mark.parametrize("wrong", [61, -1, "x"])
def test_nobody_waits_longer_than_a_minute(bot: Served, wrong: object) -> None:
    assert status(bot, bot.start(), wait=wrong).status_code == 400


def test_those_who_wait_hold_neither_threads_nor_connections(bot: Served) -> None:
    execution_id = bot.start()
    etag = status(bot, execution_id).headers["ETag"]

    async def many() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(limits=limits, timeout=30, trust_env=False) as client:
            url = f"{bot.url}/api/crew/status/{execution_id}?wait=20"
            waiting = [
                asyncio.create_task(client.get(url, headers={"If-None-Match": etag}))
                for _ in range(80)  # there are 40 threads, and 40 connections to the database
            ]
            while bot.hub.listeners < 80:
                await asyncio.sleep(0.02)
            other = await client.get(f"{bot.url}/api/crews")
            assert other.status_code == 200
            await asyncio.to_thread(bot.run_phase)
            return await asyncio.gather(*waiting)

    answers = asyncio.run(many())

    assert {answer.status_code for answer in answers} == {200}


def test_those_who_wait_are_answered_at_shutdown_and_forgotten_when_they_leave(bot: Served) -> None:
    execution_id = bot.start()
    etag = status(bot, execution_id).headers["ETag"]
    url = f"{bot.url}/api/crew/status/{execution_id}?wait=30"
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(url, headers={"If-None-Match": etag}, timeout=0.5, trust_env=False)
    bot.until_free()

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(status, bot, execution_id, etag=etag, wait=15)
        wait_until(lambda: bot.hub.listeners == 1, what="the client to wait", within=10)
        began = time.monotonic()
        bot.server.stop()
        assert waiting.result().status_code == 304
        assert time.monotonic() - began < 5
