"""A server of event streams, and the traffic for it: `… event_server KIND URL RUNS`.

`countersign URL RUNS`: the API on that database, with RUNS executions that wait.
`starlette URL RUNS`: a bare Starlette app instead of the API.

It prints its port. For each line `SECONDS RATE` on stdin it makes RATE decisions a second for so
long, and prints as JSON when each was committed, and what the process used.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import psutil
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.live.hub import Hub
from bot.api.services import ApiConfig
from bot.process.http_server import HttpServer
from storage.db.database import SystemClock, upgrade
from storage.db.engines import open_engine
from storage.decisions import Decision
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import Action, Claim
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from tests.support.factories import ANA, asking, crew, output


class Countersign:
    """Executions whose checkpoints are sent back again and again."""

    def __init__(self, url: str, runs: int) -> None:
        engine = open_engine(url)
        upgrade(engine)
        self._engine = engine
        self._reads = Reads(engine)
        self.hub = Hub(self._reads)
        self._committed_at = 0.0
        clock = SystemClock()
        self._state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=self)
        self._tokens = TokenManager(engine, clock=clock)
        self.executions = [self._start() for _ in range(runs)]

    def outbox_changed(self) -> None:
        pass

    def events_committed(self) -> None:
        self._committed_at = time.monotonic()
        self.hub.wake()

    def app(self, port: int) -> ASGIApp:
        return create_api(
            state=self._state,
            reads=self._reads,
            tokens=self._tokens,
            idempotency_keys=IdempotencyKeys(self._engine, clock=SystemClock()),
            crews={},
            door=None,
            config=ApiConfig(hosts=loopback_hosts("127.0.0.1", port), version="bench"),
            hub=self.hub,
        )

    def paths(self) -> list[str]:
        return [f"/api/executions/{execution_id}/events" for execution_id in self.executions]

    def decide(self, execution_id: str) -> list[float]:
        """Send one back, and run its phase again. Returns the times of the three commits."""
        checkpoint = self._reads.waiting_checkpoint(execution_id)
        assert checkpoint is not None
        self._state.decide(Decision(checkpoint.id, Action.REVISE, ANA, text="Shorter."))
        times = [self._committed_at]
        claim = self._claim()
        times.append(self._committed_at)
        self._state.phase_done(claim, output("A draft.", tasks=("task",)))
        return [*times, self._committed_at]

    def ids(self, after: int) -> list[int]:
        """The ids of all events since then."""
        found: list[int] = []
        while page := self._reads.events_after(after, 10_000):
            found += [event.seq for event in page]
            after = found[-1]
        return found

    def _start(self) -> str:
        definition = crew(phases=("write",), after=("write",))
        started = self._state.start_execution(
            definition=definition, request=asking(), requester=ANA
        )
        self._state.phase_done(self._claim(), output("A draft.", tasks=("task",)))
        return started.id

    def _claim(self) -> Claim:
        claim = self._state.claim("bench")
        assert claim is not None
        return claim


class Bare(Countersign):
    """The same traffic, streamed as anybody would write it: a queue for each client, and a
    generator that empties it. It gets each event handed, and cannot resume."""

    def __init__(self, url: str, runs: int) -> None:
        self._queues: dict[str | None, set[asyncio.Queue[bytes]]] = defaultdict(set)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._run: str | None = None
        self._seq = 0
        super().__init__(url, runs)

    def app(self, _port: int) -> ASGIApp:
        async def events(request: Request) -> StreamingResponse:
            self._loop = asyncio.get_running_loop()
            run = request.path_params.get("run")
            return StreamingResponse(self._events(run), media_type="text/event-stream")

        path = "/api/executions/{run}/events"
        return Starlette(routes=[Route("/api/events", events), Route(path, events)])

    async def _events(self, run: str | None) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._queues[run].add(queue)
        try:
            yield b": hello\n\n"
            while True:
                yield await queue.get()
        finally:
            self._queues[run].discard(queue)

    def decide(self, execution_id: str) -> list[float]:
        self._run = execution_id
        return super().decide(execution_id)

    def events_committed(self) -> None:
        super().events_committed()
        self._seq += 1
        event = b"id: %d\ndata: %s\n\n" % (self._seq, b"x" * 330)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._publish, self._run, event)

    def _publish(self, run: str | None, event: bytes) -> None:
        for queue in [*self._queues[run], *self._queues[None]]:
            queue.put_nowait(event)

    def ids(self, after: int) -> list[int]:
        return list(range(after + 1, self._seq + 1))


def main() -> None:
    kind, url, runs = sys.argv[1:]
    traffic = {"countersign": Countersign, "starlette": Bare}[kind](url, int(runs))
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = HttpServer(
        traffic.app(port), listening, grace=timedelta(seconds=1), before_stop=traffic.hub.close
    )
    server.start()
    _tell({"port": port, "paths": traffic.paths()})
    process = psutil.Process()
    rng = random.Random(1)
    for line in sys.stdin:
        seconds, rate = map(float, line.split())
        before = traffic.ids(0)[-1:] or [0]
        used = sum(process.cpu_times()[:2])
        committed = _drive(traffic, rng, seconds=seconds, rate=rate)
        _tell(
            {
                "ids": traffic.ids(before[0]),
                "committed": committed,
                "cpu": sum(process.cpu_times()[:2]) - used,
                "memory": process.memory_info().rss,
                "sockets": len(process.net_connections()),
            }
        )
    server.stop()


def _drive(traffic: Countersign, rng: random.Random, *, seconds: float, rate: float) -> list[float]:
    began = time.monotonic()
    committed: list[float] = []
    for number in range(int(seconds * rate)):
        time.sleep(max(0.0, began + number / rate - time.monotonic()))
        committed += traffic.decide(rng.choice(traffic.executions))
    return committed


def _tell(what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
