"""Every transition that a state takes, and that it takes no other."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import pytest

from storage.states import (
    ACTIVE,
    ENDED,
    PROCEEDED,
    CheckpointEvent,
    CheckpointState,
    ExecutionEvent,
    ExecutionState,
    IllegalTransition,
    PhaseRunEvent,
    PhaseRunState,
    next_checkpoint,
    next_execution,
    next_phase_run,
)

EXECUTION = """
pending          claim       running
pending          fail        error
pending          cancel      cancelled
running          claim       running
running          fail        error
running          checkpoint  waiting_feedback
running          finish      completed
running          cancel      cancelled
waiting_feedback claim       running
waiting_feedback proceed     running
waiting_feedback revise      running
waiting_feedback complete    completed
waiting_feedback stop        stopped
waiting_feedback expire      error
waiting_feedback cancel      cancelled
error            retry       running
error            cancel      cancelled
"""
CHECKPOINT = """
pending continue approved
pending revise   revised
pending stop     rejected
pending skip     skipped
pending expire   expired
pending cancel   cancelled
"""
PHASE_RUN = """
queued  claim     running
queued  cancel    cancelled
running claim     running
running give_back queued
running done      done
running fail      failed
running cancel    cancelled
"""


def table(expected: str) -> dict[tuple[str, str], str]:
    rows = (line.split() for line in expected.strip().splitlines())
    return {(state, event): next_state for state, event, next_state in rows}


def after(take: Callable[..., StrEnum], state: StrEnum, event: StrEnum) -> str | None:
    """The next_state state, or None if the transition is illegal."""
    try:
        return take(state, event).value
    except IllegalTransition:
        return None


@pytest.mark.parametrize(
    ("take", "states", "events", "expected"),
    [
        (next_execution, ExecutionState, ExecutionEvent, EXECUTION),
        (next_checkpoint, CheckpointState, CheckpointEvent, CHECKPOINT),
        (next_phase_run, PhaseRunState, PhaseRunEvent, PHASE_RUN),
    ],
    ids=["execution", "checkpoint", "phase run"],
)
def test_a_state_accepts_the_events_of_its_table_and_refuses_all_others(
    take: Callable[..., StrEnum], states: type[StrEnum], events: type[StrEnum], expected: str
) -> None:
    accepted = {
        (state.value, event.value): next_state
        for state in states
        for event in events
        if (next_state := after(take, state, event)) is not None
    }

    assert accepted == table(expected)


def test_a_refused_transition_names_the_state_and_the_event() -> None:
    with pytest.raises(IllegalTransition, match=r"ExecutionState 'stopped' .* 'claim'") as refused:
        next_execution(ExecutionState.STOPPED, ExecutionEvent.CLAIM)

    assert refused.value.state is ExecutionState.STOPPED
    assert refused.value.event is ExecutionEvent.CLAIM


def test_an_execution_is_active_or_ended_or_can_be_retried() -> None:
    assert ACTIVE.isdisjoint(ENDED)
    assert set(ExecutionState) - ACTIVE - ENDED == {ExecutionState.ERROR}


@pytest.mark.parametrize("state", sorted(ENDED))
def test_nothing_leaves_an_ended_execution(state: ExecutionState) -> None:
    assert all(after(next_execution, state, event) is None for event in ExecutionEvent)


def test_a_run_proceeds_after_every_decision_except_stop_and_cancel() -> None:
    undecided = {CheckpointState.PENDING}

    assert set(CheckpointState) - PROCEEDED - undecided == {
        CheckpointState.REJECTED,
        CheckpointState.CANCELLED,
    }
