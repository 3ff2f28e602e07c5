"""Hundreds of deadlines that pass at once, while people decide some of the checkpoints."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Final

import pytest
from sqlalchemy import Engine, event, select

from storage.db import statements
from storage.db.database import upgrade, writing
from storage.db.engines import open_engine
from storage.db.tables import audit, outbox
from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.errors import AlreadyDecided
from storage.ports import NoSignal
from storage.reads import Reads
from storage.records import TIMEOUT, Action, Checkpoint
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from tests.storage.conftest import RecordingDispatch, Run
from tests.support.factories import BEN, SettableClock, crew, rule

MANY: Final = 200
SOME: Final = 60
CLICKS: Final = 60

BECOMES: Final = {
    OnTimeout.STOP: ExecutionState.STOPPED,
    OnTimeout.CONTINUE: ExecutionState.RUNNING,
    OnTimeout.SKIP: ExecutionState.RUNNING,
    OnTimeout.FAIL: ExecutionState.ERROR,
}


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Engine]:
    """Without fsync: the hundreds of executions of a test need not survive a power failure."""

    def turn_off_fsync(connection: SqliteConnection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    event.listen(engine, "connect", turn_off_fsync)
    upgrade(engine)
    yield engine
    engine.dispose()


def waiting(run: Run, many: int) -> list[Checkpoint]:
    """Start runs that wait for an hour at most, with each `on_timeout` in turn."""
    checkpoints = []
    for number in range(many):
        effect = list(OnTimeout)[number % len(OnTimeout)]
        run.start(crew(decided_by=rule("@channel", on_timeout=effect)))
        run.work()
        checkpoints.append(run.waiting)
    return checkpoints


def at_once(*acts: Callable[[], int]) -> list[int]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(act) for act in acts]]


def until_none_is_left(tick: Callable[[], int]) -> int:
    """Repeat the tick until it finds nothing, if only because others have locked the rest."""
    total = count = tick()
    while count:
        total += (count := tick())
    return total


def test_each_of_hundreds_of_checkpoints_is_decided_once_and_no_click_is_lost(
    run: Run,
    state: StateManager,
    reads: Reads,
    engine: Engine,
    clock: SettableClock,
    dispatch: RecordingDispatch,
) -> None:
    opened = waiting(run, MANY)
    clock.move(timedelta(hours=2))
    dispatch.enqueued.clear()
    clicked: list[str] = []

    def click() -> int:
        for checkpoint in random.Random(4).sample(opened, CLICKS):
            try:
                state.decide(Decision(checkpoint.id, Action.CONTINUE, BEN))
            except AlreadyDecided:
                continue
            clicked.append(checkpoint.id)
        return len(clicked)

    def sweep() -> int:
        return until_none_is_left(lambda: state.expire_due(limit=17))

    by_people, *by_ticks = at_once(click, sweep, sweep)
    by_ticks.append(sweep())

    assert by_people > 0
    assert by_people + sum(by_ticks) == MANY
    queued: list[str] = []
    for before in opened:
        now, execution = reads.checkpoint(before.id), reads.execution(before.execution_id)
        queued += [run.id for run in reads.phase_runs(before.execution_id)[1:]]
        assert now.feedback is not None
        if before.id in clicked:
            assert (now.state, now.feedback.actor) == (CheckpointState.APPROVED, BEN)
            assert execution.state is ExecutionState.RUNNING
        else:
            assert (now.state, now.feedback.actor) == (CheckpointState.EXPIRED, TIMEOUT)
            assert execution.state is BECOMES[before.rule.on_timeout]
    left = [before for before in opened if before.id not in clicked]
    proceeding = [
        before for before in left if BECOMES[before.rule.on_timeout] is ExecutionState.RUNNING
    ]
    assert len(queued) == len(clicked) + len(proceeding)
    assert Counter(dispatch.enqueued) == Counter(queued)
    assert logged(engine, "checkpoint.decided") == Counter(
        before.execution_id for before in opened if before.id in clicked
    )
    assert logged(engine, "checkpoint.expired") == Counter(before.execution_id for before in left)
    assert messages(engine, "notice") == Counter(
        f"notice:{before.execution_id}:expired:{before.id}" for before in left
    )


def test_several_ticks_at_once_send_each_reminder_once(
    run: Run, state: StateManager, engine: Engine, clock: SettableClock
) -> None:
    opened = waiting(run, SOME)
    clock.move(timedelta(minutes=31))

    def sweep() -> int:
        return until_none_is_left(lambda: state.remind_due(limit=17))

    assert sum(at_once(sweep, sweep, sweep)) + sweep() == SOME
    assert messages(engine, "reminder") == Counter(
        f"reminder:{checkpoint.id}:half" for checkpoint in opened
    )


def test_a_locked_execution_is_skipped_and_delays_no_other(
    postgresql: Engine, clock: SettableClock
) -> None:
    """On SQLite a decision and a tick come one after the other."""
    state = StateManager(postgresql, clock=clock, dispatch=RecordingDispatch(), signal=NoSignal())
    runs = [Run(state, Reads(postgresql)) for _ in range(3)]
    for run in runs:
        run.start()
        run.work()
    clock.move(timedelta(minutes=31))

    with writing(postgresql) as connection:
        connection.execute(statements.EXECUTION_LOCKED, {"of_id": runs[0].id})
        assert state.remind_due() == 2
        clock.move(timedelta(minutes=31))
        assert state.expire_due() == 2
        assert runs[0].now.state is ExecutionState.WAITING_FEEDBACK

    assert state.expire_due() == 1


def logged(engine: Engine, event_name: str) -> Counter[str]:
    """Count the rows of this event in the log by execution."""
    with engine.connect() as connection:
        rows = connection.execute(select(audit.c.execution_id).where(audit.c.event == event_name))
        return Counter(rows.scalars())


def messages(engine: Engine, kind: str) -> Counter[str]:
    """Count the messages of this kind by key."""
    with engine.connect() as connection:
        rows = connection.execute(select(outbox.c.key).where(outbox.c.kind == kind))
        return Counter(rows.scalars())
