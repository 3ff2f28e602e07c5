"""The API on a real socket, with events that happen while clients listen."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from sqlalchemy import Engine

from bot.api.app import create_api
from bot.api.guard import loopback_hosts
from bot.api.live.hub import Hub
from bot.api.services import ApiConfig
from bot.persons import NoPersons
from bot.process.http_server import HttpServer
from storage.db.database import SystemClock
from storage.decisions import Decision
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.records import Action, Failure
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from tests.support.factories import ANA, asking, crew, output
from tests.support.processes import wait_until
from tests.support.schema import upgraded


class Persons(NoPersons):
    """Who is in which channel; tests change it."""

    def __init__(self) -> None:
        self.member_of: dict[str, set[str]] = {}

    def channels(self, user: str) -> frozenset[str]:
        return frozenset(self.member_of.get(user, ()))


@dataclass
class Served:
    """A process of the bot, as far as REST is concerned: a server on a database."""

    state: StateManager
    reads: Reads
    tokens: TokenManager
    persons: Persons
    hub: Hub
    server: HttpServer
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *, phases: int = 2, channel: str | None = None) -> str:
        """Start an execution with a checkpoint after its first phase."""
        names = [f"phase{number}" for number in range(phases)]
        definition = crew(phases=names, after=names[:1], tries=1)
        return self.state.start_execution(
            definition=definition, request=asking(), requester=ANA, channel=channel
        ).id

    def run_phase(self) -> None:
        claim = self.state.claim("tests")
        assert claim is not None, "no phase run is due"
        self.state.phase_done(claim, output("A draft.", tasks=("task",)))

    def fail_phase(self) -> None:
        claim = self.state.claim("tests")
        assert claim is not None, "no phase run is due"
        self.state.fail(claim, Failure("no model", retryable=False))

    def decide(self, execution_id: str, action: Action = Action.CONTINUE) -> None:
        checkpoint = self.reads.waiting_checkpoint(execution_id)
        assert checkpoint is not None, "no checkpoint waits"
        self.state.decide(Decision(checkpoint.id, action, ANA, text="Shorter."))

    def until_free(self) -> None:
        wait_until(lambda: self.hub.listeners == 0, what="the streams to be freed", within=10)


class _Wake:
    """The signal of the process whose hub it wakes. Without one, the hub has to poll."""

    def __init__(self) -> None:
        self.hub: Hub | None = None

    def outbox_changed(self) -> None:
        pass

    def events_committed(self) -> None:
        if self.hub is not None:
            self.hub.wake()


@contextmanager
def served(
    engine: Engine,
    *,
    poll: float = 0.02,
    heartbeat: float = 15.0,
    size: int = 4096,
    grace: float = 20.0,
) -> Iterator[Served]:
    signal, clock = _Wake(), SystemClock()
    state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=signal)
    reads, tokens, persons = Reads(engine), TokenManager(engine, clock=clock), Persons()
    hub = signal.hub = Hub(reads, poll=poll, heartbeat=heartbeat, size=size)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    api = create_api(
        state=state,
        reads=reads,
        tokens=tokens,
        idempotency_keys=IdempotencyKeys(engine, clock=clock),
        crews={},
        door=None,
        config=ApiConfig(hosts=loopback_hosts("127.0.0.1", port), version="1"),
        persons=persons,
        hub=hub,
    )
    server = HttpServer(api, listening, grace=timedelta(seconds=grace), before_stop=hub.close)
    server.start()
    try:
        yield Served(state, reads, tokens, persons, hub, server, port)
    finally:
        server.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = upgraded(f"sqlite:///{tmp_path / 'c.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def bot(engine: Engine) -> Iterator[Served]:
    with served(engine) as running:
        yield running


@dataclass
class Listening:
    """A client of a stream, strict about its form."""

    answer: httpx.Response
    heartbeats: int = 0
    last_id: str = ""
    _lines: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._lines = self.answer.iter_lines()

    def events(self, count: int) -> list[Any]:
        """The next events."""
        return [self._event() for _ in range(count)]

    def types(self, count: int) -> list[str]:
        return [event["type"] for event in self.events(count)]

    def rest(self) -> list[Any]:
        """What comes until the server ends the stream."""
        events = []
        while (event := self._event()) is not None:
            events.append(event)
        return events

    def _event(self) -> Any:
        data = None
        for line in self._lines:
            if line.startswith(":"):
                self.heartbeats += 1
            elif line.startswith("id: "):
                self.last_id = line.removeprefix("id: ")
            elif line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
            elif not line and data is not None:
                assert data["id"] == self.last_id
                return data
        return None


Listen = Callable[..., Listening]


class Clients:
    """Streams that are open until the test ends."""

    def __init__(self) -> None:
        self._http = httpx.Client(timeout=20, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def listen(
        self,
        bot: Served,
        path: str = "/api/events",
        *,
        after: str | None = None,
        token: str | None = None,
        status: int = 200,
    ) -> Listening:
        headers = {} if after is None else {"Last-Event-ID": after}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        request = self._http.build_request("GET", bot.url + path, headers=headers)
        answer = self._http.send(request, stream=True)
        assert answer.status_code == status, answer.read()
        return Listening(answer)


@pytest.fixture
def clients() -> Iterator[Clients]:
    with Clients() as clients:
        yield clients
