"""Celery itself: what it publishes and when, and what a broker that is away costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.bootstrap import queue_on
from bot.settings import SettingsError, load_settings
from crew_runner.queues.celery import CeleryQueue
from storage.db.engines import open_engine
from storage.states import ExecutionState
from tests.crew_runner.queues.broker import Broker
from tests.crew_runner.queues.conftest import QueueDesk, Workers
from tests.crew_runner.queues.transports import NO_CONNECTION, OfCelery
from tests.support.launchpad import Launchpad
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def broker(redis: Broker) -> str:
    return redis.url


@pytest.fixture
def messages(broker: str, tmp_path: Path) -> Iterator[OfCelery]:
    messages = OfCelery(open_engine(f"sqlite:///{tmp_path / 'none.db'}"), broker)
    yield messages
    messages.lose()


class Taking:
    """A pool that is full at first."""

    slots = 1

    def __init__(self, *, full: int = 0) -> None:
        self.taken: list[str] = []
        self.refused = 0
        self._full = full

    def wake(self) -> None:
        raise AssertionError("a queue that hands work over wakes nobody")

    def run(self, phase_run_id: str) -> Future[None]:
        raise AssertionError(f"no message waits for {phase_run_id} to end")

    def take(self, phase_run_id: str, *, within: float) -> bool:
        assert within > 0
        if self.refused < self._full:
            self.refused += 1
            return False
        self.taken.append(phase_run_id)
        return True

    def seat(self) -> None:
        """Whoever decides is in another process."""


def publish(queue: CeleryQueue, phase_run_id: str, **how: object) -> None:
    queue.enqueue(NO_CONNECTION, phase_run_id, **how)  # type: ignore[arg-type]  # by name
    queue.committed(phase_run_id)


def test_what_follows_a_decision_goes_before_what_was_published_earlier(
    broker: str, messages: OfCelery
) -> None:
    queue, pool = CeleryQueue(broker), Taking()
    for started in ("first", "second", "third"):
        publish(queue, started)
    publish(queue, "decided", urgent=True)
    queue.bind(pool)
    wait_until(lambda: len(pool.taken) == 4, within=30, what="all are taken")
    queue.stop()

    assert pool.taken == ["decided", "first", "second", "third"]


def test_a_message_that_finds_no_free_slot_is_offered_again(
    broker: str, messages: OfCelery
) -> None:
    queue, pool = CeleryQueue(broker), Taking(full=3)
    publish(queue, "patient")
    queue.bind(pool)
    wait_until(lambda: bool(pool.taken), within=30, what="it is taken")
    queue.stop()

    assert (pool.refused, pool.taken) == (3, ["patient"])
    assert messages.waiting() == []


def test_nothing_is_published_of_what_is_put_off_or_was_repeated_just_now(
    broker: str, messages: OfCelery
) -> None:
    queue = CeleryQueue(broker)
    publish(queue, "later", not_before=datetime.now(UTC))
    for _ in range(3):
        publish(queue, "lost", again=True)

    assert messages.waiting() == ["lost"]


def test_messages_come_again_when_the_broker_was_restarted(
    redis: Broker, broker: str, messages: OfCelery
) -> None:
    queue, pool = CeleryQueue(broker), Taking()
    queue.bind(pool)
    publish(queue, "before")
    wait_until(lambda: pool.taken == ["before"], within=30, what="it is taken")
    redis.stop()
    publish(queue, "lost")
    redis.start()
    after = CeleryQueue(broker)
    publish(after, "after")

    wait_until(
        lambda: "after" in pool.taken,
        within=30,
        what="the next is taken",
        shown=lambda: str(pool.taken),
    )
    queue.stop()
    # The first may come twice: the broker may have stopped before it heard that it was taken.
    assert pool.taken in (["before", "after"], ["before", "before", "after"])


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1//"])
def test_a_decision_stands_and_costs_no_wait_where_the_broker_is_away(
    address: str, launchpad: Launchpad, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'countersign.db'}"
    desk = QueueDesk(url, CeleryQueue(address), tmp_path)
    began = time.monotonic()
    runs = [desk.start(desk.program(), f"s{number}") for number in range(3)]
    assert time.monotonic() - began < 2.5
    workers = Workers(launchpad, "local on SQLite", url, tmp_path, poll=0.1)
    workers.start()
    try:
        ended = [desk.ended(run).state for run in runs]
    finally:
        workers.none()

    assert ended == [ExecutionState.COMPLETED] * 3


def test_the_broker_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'none.db'}")
    monkeypatch.setenv("COUNTERSIGN_CELERY_BROKER", "redis://localhost/3")
    assert isinstance(queue_on(engine, load_settings(tmp_path / "none.env")), CeleryQueue)

    monkeypatch.setenv("COUNTERSIGN_CELERY_BROKER", "sqs://key:hunter2@")
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path / "none.env")
    [problem] = refused.value.problems
    assert problem.startswith("COUNTERSIGN_CELERY_BROKER must be a broker's URL")
    assert "hunter2" not in problem
