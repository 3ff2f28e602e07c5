"""The ticks, on a real clock and a real database."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.scheduler import Scheduler, Tick, slack_ticks, state_ticks
from storage.db.database import SystemClock
from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    OnTimeout,
    PhaseDefinition,
)
from storage.ports import NoDispatch, NoSignal, SharedClock
from storage.reads import Reads
from storage.records import Actor, ActorKind, PhaseOutput, Request
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from tests.support.schema import upgraded

ANA = Actor(ActorKind.SLACK, "UANA", "Ana")


class ShiftedClock:
    """The machine's clock, so far off."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by

    def at(self, _connection: Connection) -> datetime:
        return self.now()

    def question(self, _connection: Connection) -> None:
        return None


def until(condition: Callable[[], bool], *, within: float) -> float:
    """How long it took until the condition held; fails if it did not in time."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < within, "it did not come to pass in time"
        threading.Event().wait(0.02)
    return time.monotonic() - began


def crew(timeout: timedelta) -> CrewDefinition:
    rule = DecisionRule(("@channel",), timeout=timeout, on_timeout=OnTimeout.CONTINUE)
    return CrewDefinition(
        name="note",
        kind=CrewKind.COMMAND,
        command=("true",),
        phases=(PhaseDefinition("write"), PhaseDefinition("send")),
        checkpoints=(CheckpointDefinition("look", rule, after="write"),),
    )


class Runs:
    """A database with a use case or two at hand."""

    def __init__(self, database: Path) -> None:
        self.engine = upgraded(f"sqlite:///{database}")
        self.reads = Reads(self.engine)

    def state(self, clock: SharedClock | None = None) -> StateManager:
        return StateManager(
            self.engine,
            clock=clock or SystemClock(),
            dispatch=NoDispatch(),
            signal=NoSignal(),
            lease=timedelta(seconds=3),
        )

    def waiting(self, *, timeout: timedelta, opened: timedelta = timedelta(0)) -> str:
        """An execution at its checkpoint, opened so long ago."""
        past = self.state(ShiftedClock(-opened))
        execution = past.start_execution(
            definition=crew(timeout), request=Request("a note"), requester=ANA
        )
        claim = past.claim("tests")
        assert claim is not None
        past.phase_done(claim, PhaseOutput("written"))
        return execution.id

    def decided(self, execution_id: str) -> bool:
        return self.reads.execution(execution_id).state is not ExecutionState.WAITING_FEEDBACK


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    made = Runs(tmp_path / "c.db")
    yield made
    made.engine.dispose()


@pytest.fixture
def scheduler(runs: Runs) -> Iterator[Scheduler]:
    made = Scheduler(state_ticks(runs.state(), lease=timedelta(seconds=3)))
    yield made
    made.stop()


def test_a_deadline_fires_within_two_seconds(runs: Runs, scheduler: Scheduler) -> None:
    scheduler.start()
    timeout = timedelta(seconds=1)
    run = runs.waiting(timeout=timeout)

    took = until(lambda: runs.decided(run), within=timeout.total_seconds() + 2)

    (checkpoint,) = runs.reads.checkpoints(run)
    assert took >= timeout.total_seconds() - 0.2
    assert checkpoint.state is CheckpointState.EXPIRED
    assert checkpoint.feedback is not None
    assert checkpoint.feedback.actor.kind is ActorKind.TIMEOUT


def test_deadlines_that_fell_due_while_down_fire_at_start(runs: Runs, scheduler: Scheduler) -> None:
    missed = [
        runs.waiting(timeout=timedelta(hours=1), opened=timedelta(days=2)) for _ in range(120)
    ]
    early = runs.waiting(timeout=timedelta(hours=1))

    scheduler.start()

    until(lambda: all(runs.decided(run) for run in missed), within=20)
    assert not runs.decided(early)


def test_a_tick_that_raises_is_logged_and_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[float] = []
    again = threading.Event()

    def fails_once() -> None:
        calls.append(time.monotonic())
        if len(calls) == 1:
            raise OSError("the disk is away")
        again.set()

    scheduler = Scheduler((Tick("flaky", timedelta(milliseconds=100), fails_once),))
    with caplog.at_level(logging.ERROR):
        scheduler.start()
        assert again.wait(5)
        scheduler.stop()

    (entry,) = [record for record in caplog.records if record.getMessage() == "tick.failed"]
    assert vars(entry)["tick"] == "flaky"
    assert vars(entry)["error"] == "OSError"
    assert "the disk is away" in caplog.text


def test_a_slow_tick_holds_up_no_other_and_does_not_pile_up() -> None:
    let_go, many = threading.Event(), threading.Event()
    slow_ones: list[int] = []
    quick_ones: list[int] = []

    def slow() -> None:
        slow_ones.append(1)
        assert let_go.wait(10)

    def quick() -> None:
        quick_ones.append(len(slow_ones))
        if quick_ones.count(1) == 10:
            many.set()

    often = timedelta(milliseconds=20)
    scheduler = Scheduler((Tick("slow", often, slow), Tick("quick", often, quick)))
    scheduler.start()

    assert many.wait(10), "the quick tick was held up"
    assert len(slow_ones) == 1
    let_go.set()
    scheduler.stop()


def test_every_tick_runs_at_start() -> None:
    ran: set[str] = set()
    names = ("one", "two", "three")
    scheduler = Scheduler([Tick(n, timedelta(hours=1), partial(ran.add, n)) for n in names])

    scheduler.start()

    until(lambda: ran == set(names), within=5)
    scheduler.stop()


def test_the_ticks_are_as_often_as_the_promises_need(runs: Runs) -> None:
    ticks = state_ticks(runs.state(), lease=timedelta(seconds=30)) + slack_ticks(
        deliver_due=list, refresh_actors=list
    )

    assert {tick.name: tick.every.total_seconds() for tick in ticks} == {
        "expire": 1,
        "remind": 15,
        "recover": 10,
        "forget_deliveries": 3600,
        "forget_expired": 3600,
        "forget_messages": 3600,
        "deliver": 2,
        "refresh_actors": 300,
    }


def test_what_has_ended_is_forgotten_only_where_that_is_set(runs: Runs) -> None:
    def ended() -> str:
        past = runs.state(ShiftedClock(timedelta(days=-8)))
        run = past.start_execution(
            definition=crew(timedelta(hours=1)), request=Request("a note"), requester=ANA
        )
        return past.cancel(run.id, actor=ANA).id

    run = ended()
    for keep in (None, timedelta(days=9), timedelta(days=7)):
        assert [e.id for e in runs.reads.executions()] == [run]
        for tick in state_ticks(runs.state(), lease=timedelta(seconds=3), keep=keep):
            tick.work()
    assert runs.reads.executions() == ()


def test_a_clock_that_is_set_ahead_by_decades_costs_one_tick_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a machine comes up in 1970 and hears of the time later."""
    ticked: list[float] = []
    ahead = timedelta(0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # as ours is read
            return datetime.now(tz) + ahead

    for module in ("apscheduler.schedulers.base", "bot.scheduler"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    work = Tick("count", timedelta(seconds=0.2), lambda: ticked.append(time.monotonic()))
    scheduler = Scheduler((work,))
    scheduler.start()
    until(lambda: len(ticked) >= 2, within=10)
    ahead = timedelta(days=20_000)
    until(lambda: bool(ticked) and time.monotonic() - ticked[-1] < 0.3, within=5)
    seen = len(ticked)
    took = until(lambda: len(ticked) >= seen + 3, within=10)
    scheduler.stop()
    assert took < 5
