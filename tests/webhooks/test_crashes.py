"""Senders that are killed, and several that share a database: nothing is lost, ids stay."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from storage.db.database import SystemClock
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.webhooks import DeliveryState
from tests.support.postgres import Server
from tests.support.schema import upgraded
from tests.webhooks import sender_process
from tests.webhooks.conftest import start, webhook
from tests.webhooks.receivers import Answer, receiving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
Process = Callable[[], subprocess.Popen[str]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'countersign.db'}"
    server: Server = request.getfixturevalue("server")
    return server.database()


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = upgraded(database)
    yield engine
    engine.dispose()


@pytest.fixture
def state(engine: Engine) -> StateManager:
    return StateManager(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())


@pytest.fixture
def process(database: str) -> Iterator[Process]:
    """Starts a sender in a new process, which the test may kill."""
    started: list[subprocess.Popen[str]] = []

    def new() -> subprocess.Popen[str]:
        command = [sys.executable, str(sender_process.__file__), database]
        started.append(
            subprocess.Popen(
                command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
            )
        )
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == "started\n"
        return started[-1]

    yield new
    for each in started:
        each.kill()
        each.wait()


def test_a_sender_killed_before_it_stored_the_answer_is_repeated_with_the_same_id_and_body(
    state: StateManager, reads: Reads, process: Process
) -> None:
    with receiving(lambda _request, number: Answer(hang=60 if number == 0 else 0)) as receiver:
        start(state, webhook(receiver))
        victim = process()
        receiver.wait_for(1)
        victim.kill()
        victim.wait()
        process()

        first, again = receiver.wait_for(2, seconds=15)
        delivered(reads, 1)

    assert (first.id, first.body) == (again.id, again.body)
    first.verify()
    again.verify()


def test_senders_that_are_killed_at_random_lose_nothing(
    state: StateManager, reads: Reads, process: Process
) -> None:
    with receiving() as receiver:
        executions = [start(state, webhook(receiver)) for _ in range(60)]
        stayer, victim = process(), process()
        receiver.wait_for(5)
        victim.kill()
        victim.wait()
        process()  # releases what the dead one had leased
        delivered(reads, len(executions))
        stayer.kill()

    by_id: dict[str, set[bytes]] = {}
    for each in receiver.requests:
        by_id.setdefault(each.id, set()).add(each.body)
    assert len(by_id) == len(executions)
    assert all(len(bodies) == 1 for bodies in by_id.values())
    assert len(receiver.requests) <= len(executions) + 8  # what the dead one was sending


def delivered(reads: Reads, count: int, *, seconds: float = 40) -> None:
    until = time.monotonic() + seconds
    while len(reads.webhook_deliveries(state=DeliveryState.DELIVERED, most=500)) < count:
        assert time.monotonic() < until, reads.webhook_counts()
        time.sleep(0.05)
