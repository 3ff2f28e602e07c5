"""Deadlines and reminders, with a clock that the test sets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.decisions import Decision
from storage.definitions import OnTimeout
from storage.messages import OutboxKind
from storage.outbox.outbox import Outbox
from storage.reads import Reads
from storage.records import TIMEOUT, Action
from storage.state_manager import StateManager
from storage.states import CheckpointState, ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import BEN, SettableClock, crew, rule


@pytest.mark.parametrize(
    ("on_timeout", "execution"),
    [
        (OnTimeout.STOP, ExecutionState.STOPPED),
        (OnTimeout.CONTINUE, ExecutionState.RUNNING),
        (OnTimeout.SKIP, ExecutionState.RUNNING),
        (OnTimeout.FAIL, ExecutionState.ERROR),
    ],
)
def test_a_deadline_that_passes_does_what_the_rule_says(
    run: Run,
    state: StateManager,
    reads: Reads,
    clock: SettableClock,
    on_timeout: OnTimeout,
    execution: ExecutionState,
) -> None:
    run.start(crew(decided_by=rule("@channel", on_timeout=on_timeout)))
    run.work()
    clock.move(timedelta(minutes=59))
    assert state.expire_due() == 0
    clock.move(timedelta(minutes=1))

    assert state.expire_due() == 1
    assert state.expire_due() == 0

    [expired] = reads.checkpoints(run.id)
    assert expired.state is CheckpointState.EXPIRED
    assert expired.feedback is not None
    assert (expired.feedback.action.value, expired.feedback.actor) == (on_timeout.value, TIMEOUT)
    assert run.now.state is execution


def test_a_checkpoint_decided_in_time_does_not_expire(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))
    clock.move(timedelta(days=1))

    assert state.expire_due() == 0
    assert run.now.state is ExecutionState.RUNNING


def test_without_a_timeout_a_checkpoint_waits_forever(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(crew(decided_by=rule("@channel", timeout=None)))
    run.work()
    clock.move(timedelta(days=400))

    assert state.expire_due() == 0
    assert state.remind_due() == 0
    assert run.waiting.deadline is None


def test_one_pass_expires_no_more_than_its_limit(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    for _ in range(5):
        run.start()
        run.work()
    clock.move(timedelta(hours=2))

    assert [state.expire_due(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def reminders(outbox: Outbox) -> list[object]:
    """Post everything that is queued. Returns the reminders among it."""
    sent: list[object] = []
    while rows := outbox.take(owner="d"):
        for row in rows:
            outbox.shown(
                outbox.posted(row, channel=row.channel, ts=f"{row.seq}.0", shown=0), row.version
            )
            if row.kind is OutboxKind.REMINDER:
                sent.append(row.payload["which"])
    return sent


def test_a_waiting_checkpoint_reminds_at_half_time_and_shortly_before_the_end(
    run: Run, state: StateManager, outbox: Outbox, clock: SettableClock
) -> None:
    run.start()
    run.work()
    sent = []
    for _ in range(61):
        state.remind_due()
        sent.append(reminders(outbox))
        clock.move(timedelta(minutes=1))

    assert {minute: which for minute, which in enumerate(sent) if which} == {
        30: ["half"],
        54: ["last"],
    }


def test_reminders_missed_during_downtime_are_not_sent_later(
    run: Run, state: StateManager, outbox: Outbox, clock: SettableClock
) -> None:
    run.start()
    run.work()
    clock.move(timedelta(minutes=58))
    state.remind_due()
    state.remind_due()

    assert reminders(outbox) == ["last"]


def test_a_decided_checkpoint_reminds_nobody(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.STOP, BEN))
    clock.move(timedelta(minutes=45))

    assert state.remind_due() == 0
