"""The ticks, with a real clock and a real database."""

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
    """The machine's clock, shifted by a duration."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by

    def at(self, _connection: Connection) -> datetime:
        return self.now()

    def question(self, _connection: Connection) -> None:
        return None


def until(condition: Callable[[], bool], *, within: float) -> float:
    """Wait for the condition. Returns the seconds it took; fails if it takes too long."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < within, "it did not happen in time"
        threading.Event().wait(0.02)
    return time.monotonic() - started


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
    """A database, and runs in it."""

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
        """The id of an execution at a checkpoint that was opened `opened` ago."""
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
    opened = Runs(tmp_path / "c.db")
    yield opened
    opened.engine.dispose()


@pytest.fixture
def scheduler(runs: Runs) -> Iterator[Scheduler]:
    scheduler = Scheduler(state_ticks(runs.state(), lease=timedelta(seconds=3)))
    yield scheduler
    scheduler.stop()


def test_a_deadline_fires_within_two_seconds(runs: Runs, scheduler: Scheduler) -> None:
    scheduler.start()
    timeout = timedelta(seconds=1)
    run = runs.waiting(timeout=timeout)

    seconds = until(lambda: runs.decided(run), within=timeout.total_seconds() + 2)

    (checkpoint,) = runs.reads.checkpoints(run)
    assert seconds >= timeout.total_seconds() - 0.2
    assert checkpoint.state is CheckpointState.EXPIRED
    assert checkpoint.feedback is not None
    assert checkpoint.feedback.actor.kind is ActorKind.TIMEOUT


def test_deadlines_that_passed_while_it_was_down_fire_at_start(
    runs: Runs, scheduler: Scheduler
) -> None:
    missed = [
        runs.waiting(timeout=timedelta(hours=1), opened=timedelta(days=2)) for _ in range(120)
    ]
    early = runs.waiting(timeout=timedelta(hours=1))

    scheduler.start()

    until(lambda: all(runs.decided(run) for run in missed), within=20)
    assert not runs.decided(early)


def test_a_tick_that_raises_is_logged_and_runs_again(caplog: pytest.LogCaptureFixture) -> None:
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


def test_a_slow_tick_delays_no_other_and_does_not_overlap_itself() -> None:
    let_go, many = threading.Event(), threading.Event()
    slow_runs: list[int] = []
    quick_runs: list[int] = []

    def slow() -> None:
        slow_runs.append(1)
        assert let_go.wait(10)

    def quick() -> None:
        quick_runs.append(len(slow_runs))
        if quick_runs.count(1) == 10:
            many.set()

    often = timedelta(milliseconds=20)
    scheduler = Scheduler((Tick("slow", often, slow), Tick("quick", often, quick)))
    scheduler.start()

    assert many.wait(10), "the quick tick was delayed"
    assert len(slow_runs) == 1
    let_go.set()
    scheduler.stop()


def test_every_tick_runs_at_start() -> None:
    ran: set[str] = set()
    names = ("one", "two", "three")
    scheduler = Scheduler([Tick(n, timedelta(hours=1), partial(ran.add, n)) for n in names])

    scheduler.start()

    until(lambda: ran == set(names), within=5)
    scheduler.stop()


def test_the_ticks_run_as_often_as_the_promises_need(runs: Runs) -> None:
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


def test_ended_executions_are_deleted_only_if_that_is_set(runs: Runs) -> None:
    def cancelled() -> str:
        past = runs.state(ShiftedClock(timedelta(days=-8)))
        run = past.start_execution(
            definition=crew(timedelta(hours=1)), request=Request("a note"), requester=ANA
        )
        return past.cancel(run.id, actor=ANA).id

    run = cancelled()
    for keep in (None, timedelta(days=9), timedelta(days=7)):
        assert [e.id for e in runs.reads.executions()] == [run]
        for tick in state_ticks(runs.state(), lease=timedelta(seconds=3), keep=keep):
            tick.work()
    assert runs.reads.executions() == ()


def test_a_clock_that_jumps_ahead_by_decades_causes_one_tick_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a machine that boots in 1970 and gets the time from NTP later."""
    ticked_at: list[float] = []
    ahead = timedelta(0)

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # all that is used of it
            return datetime.now(tz) + ahead

    for module in ("apscheduler.schedulers.base", "bot.scheduler"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    work = Tick("count", timedelta(seconds=0.2), lambda: ticked_at.append(time.monotonic()))
    scheduler = Scheduler((work,))
    scheduler.start()
    until(lambda: len(ticked_at) >= 2, within=10)
    ahead = timedelta(days=20_000)
    until(lambda: bool(ticked_at) and time.monotonic() - ticked_at[-1] < 0.3, within=5)
    before = len(ticked_at)
    seconds = until(lambda: len(ticked_at) >= before + 3, within=10)
    scheduler.stop()
    assert seconds < 5


def test_a_scheduler_with_a_stuck_tick_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.scheduler.STUCK_SECONDS", 0.2)
    go = threading.Event()
    scheduler = Scheduler([Tick("hangs", timedelta(hours=1), lambda: go.wait(20))])

    def alive() -> bool:
        return scheduler.alive

    assert not alive()
    scheduler.start()
    assert alive()
    until(lambda: not alive(), within=10)
    go.set()
    until(alive, within=10)
    scheduler.stop()
    assert not alive()
