"""Executions and checkpoints in all states, for tests of what messages show."""

from __future__ import annotations

from datetime import timedelta

from storage.records import (
    Actor,
    Checkpoint,
    Execution,
    Feedback,
    PhaseOutput,
    Request,
    TaskResult,
)
from storage.states import CheckpointState, ExecutionState
from tests.support.factories import ANA, BEN, NOON, crew, rule


def an_execution(
    state: ExecutionState = ExecutionState.WAITING_FEEDBACK,
    *,
    phases: tuple[str, ...] = ("planning", "analysis", "finalization"),
    request: str = "a summer campaign",
    requester: Actor = ANA,
    result: str | None = None,
    error: str | None = None,
) -> Execution:
    definition = crew(phases=phases, after=phases[:-1])
    ended = state in (ExecutionState.COMPLETED, ExecutionState.STOPPED, ExecutionState.CANCELLED)
    return Execution(
        id="1a2b3c4d-0000-4000-8000-000000000000",
        crew="plan",
        definition=definition,
        state=state,
        version=3,
        request=Request(user_input=request, message=request, language="German"),
        requester=requester,
        created_at=NOON,
        updated_at=NOON + timedelta(minutes=5),
        channel="C00CAMPAIGN",
        thread_ts="1.0",
        phases=phases,
        left_out=(),
        ended_at=NOON + timedelta(hours=1) if ended else None,
        ended_by=BEN if ended else None,
        result=None if result is None else PhaseOutput(result),
        error=error,
    )


def a_checkpoint(
    output: str = "# Plan",
    *,
    state: CheckpointState = CheckpointState.PENDING,
    feedback: Feedback | None = None,
    phase: str = "planning",
    revision: int = 1,
    asked: str = "",
    approvers: tuple[str, ...] = ("@channel",),
    tasks: tuple[str, ...] = (),
    description: str = "Review the planning",
) -> Checkpoint:
    return Checkpoint(
        id="9f8e7d6c-0000-4000-8000-000000000000",
        execution_id="1a2b3c4d-0000-4000-8000-000000000000",
        phase_run_id="run1",
        name=f"after_{phase}",
        description=description,
        phase=phase,
        revision=revision,
        rule=rule(*approvers),
        state=state,
        created_at=NOON,
        deadline=NOON + timedelta(hours=1),
        output=PhaseOutput(output, tuple(TaskResult(t, "Writer", t) for t in tasks)),
        feedback=feedback,
        asked=asked,
        asked_by=BEN if asked else None,
    )
