"""Hundreds of deadlines that are due at once, and people who decide while they are carried out."""

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
from storage.definitions import OnTimeout
from storage.errors import AlreadyDecided
from storage.ports import NoSignal
from storage.reads import Reads
from storage.records import TIMEOUT, Action, Checkpoint, Decision
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
    """Hundreds of executions are led to where they wait: that need not outlast a power cut."""

    def need_not_last(connection: SqliteConnection, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    engine = open_engine(f"sqlite:///{tmp_path / 'countersign.db'}")
    event.listen(engine, "connect", need_not_last)
    upgrade(engine)
    yield engine
    engine.dispose()


def waiting(run: Run, many: int) -> list[Checkpoint]:
    """Each waits for an hour at most; what follows then is one thing or another."""
    found = []
    for number in range(many):
        effect = list(OnTimeout)[number % len(OnTimeout)]
        run.start(crew(decided_by=rule("@channel", on_timeout=effect)))
        run.work()
        found.append(run.waiting)
    return found


def at_once(*acts: Callable[[], int]) -> list[int]:
    with ThreadPoolExecutor(len(acts)) as pool:
        return [running.result() for running in [pool.submit(act) for act in acts]]


def until_none_is_left(tick: Callable[[], int]) -> int:
    """Pass after pass; a pass may find that all that is left is in somebody else's hands."""
    done = found = tick()
    while found:
        done += (found := tick())
    return done


def test_each_of_hundreds_at_once_is_decided_once_and_nobodys_click_is_lost(
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
    goes_on = [
        before for before in left if BECOMES[before.rule.on_timeout] is ExecutionState.RUNNING
    ]
    assert len(queued) == len(clicked) + len(goes_on)
    assert Counter(dispatch.enqueued) == Counter(queued)
    assert told(engine, "checkpoint.decided") == Counter(
        before.execution_id for before in opened if before.id in clicked
    )
    assert told(engine, "checkpoint.expired") == Counter(before.execution_id for before in left)
    assert messages(engine, "notice") == Counter(
        f"notice:{before.execution_id}:expired:{before.id}" for before in left
    )


def test_whom_several_ticks_remind_at_once_is_reminded_once(
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


def test_what_somebody_has_in_hand_is_passed_by_and_holds_up_nobody(
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


def told(engine: Engine, what: str) -> Counter[str]:
    """How often the log tells it of each execution."""
    with engine.connect() as connection:
        found = connection.execute(select(audit.c.execution_id).where(audit.c.event == what))
        return Counter(found.scalars())


def messages(engine: Engine, kind: str) -> Counter[str]:
    """The keys of those to the threads of executions."""
    with engine.connect() as connection:
        found = connection.execute(select(outbox.c.key).where(outbox.c.kind == kind))
        return Counter(found.scalars())
