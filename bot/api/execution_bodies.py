"""The bodies of executions: in lists, and one with its phases, checkpoints and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from bot.api import bodies
from storage.definitions import CrewDefinition
from storage.history_reads import AuditRow, ListedExecution
from storage.records import Actor, Checkpoint, Execution, Feedback, PhaseRun
from storage.states import ENDED, CheckpointState, ExecutionState
from storage.waiting_reads import Entry


class ActorBody(BaseModel):
    """Who acted. `kind` is slack, api, timeout or system; `id` is a Slack user's or a token's."""

    kind: str
    id: str
    name: str


class WaitingBody(BaseModel):
    checkpoint_id: str
    checkpoint_name: str
    deadline: str | None


class ExecutionItemBody(BaseModel):
    """An execution in a list. `message` is the request's text, and `waiting` the checkpoint that
    somebody must decide. `permalink` is the address of the thread in Slack."""

    execution_id: str
    crew: str
    status: str
    message: str
    requester: ActorBody
    channel: str | None
    permalink: str | None
    created_at: str
    updated_at: str
    ended_at: str | None
    waiting: WaitingBody | None
    error: str | None


class ExecutionsBody(BaseModel):
    """A page, newest first. `next` is the cursor of the next page, null on the last."""

    items: list[ExecutionItemBody]
    next: str | None


class DecisionBody(BaseModel):
    """`means` says how a revision got its text: run, edit or earlier."""

    action: str
    outcome: str | None
    feedback: str | None
    values: dict[str, Any]
    means: str | None
    actor: ActorBody
    decided_at: str


class DecidedCheckpointBody(bodies.CheckpointBody):
    """A checkpoint, also one that was decided or cancelled. `decision` is null while it waits."""

    decision: DecisionBody | None


class PhaseRunBody(BaseModel):
    """A try of a phase. A revision is a further one of the same phase."""

    phase: str
    phase_index: int
    attempt: int
    revision: int
    status: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    output: str | None
    task_outputs: list[bodies.TaskOutputBody]
    feedback: str | None
    progress: dict[str, Any]
    error: str | None


class RequestBody(BaseModel):
    """What was asked for. `inputs` are those that the crew got, once they are known."""

    message: str
    user_input: str
    campaign_context: str
    language: str
    inputs: dict[str, Any]


class ExecutionBody(ExecutionItemBody):
    """`actions` are those that the state allows: cancel, retry. Who may take them, the crew's rules
    say."""

    request: RequestBody
    phases: list[str]
    left_out: list[str]
    runs: list[PhaseRunBody]
    checkpoints: list[DecidedCheckpointBody]
    actions: list[Literal["cancel", "retry"]]
    ended_by: ActorBody | None
    result: bodies.ResultBody | None
    usage: bodies.UsageBody


class WaitingCheckpointBody(bodies.CheckpointBody):
    """A checkpoint that waits, with the execution that it belongs to."""

    crew: str
    message: str
    requester: ActorBody
    channel: str | None
    permalink: str | None


class WaitingCheckpointsBody(BaseModel):
    """A page: the nearest deadline first, those without one last."""

    items: list[WaitingCheckpointBody]
    next: str | None


class AuditRowBody(BaseModel):
    """What happened. `details` are ids and fixed words. `digest` and `hash` chain the log: see
    docs/data.md."""

    seq: int
    at: str
    event: str
    actor: ActorBody | None
    details: dict[str, Any]
    digest: str | None
    hash: str | None


class AuditBody(BaseModel):
    items: list[AuditRowBody]
    next: str | None


def item(listed: ListedExecution) -> ExecutionItemBody:
    return ExecutionItemBody(**_item(listed))


def _item(listed: ListedExecution) -> dict[str, Any]:
    execution, waiting = listed.execution, listed.waiting
    return {
        "execution_id": execution.id,
        "crew": execution.crew,
        "status": execution.state.value,
        "message": execution.request.text,
        "requester": actor(execution.requester),
        "channel": execution.channel,
        "permalink": listed.permalink,
        "created_at": bodies.iso(execution.created_at),
        "updated_at": bodies.iso(execution.updated_at),
        "ended_at": bodies.iso(execution.ended_at) if execution.ended_at else None,
        "waiting": None
        if waiting is None
        else WaitingBody(
            checkpoint_id=waiting.checkpoint_id,
            checkpoint_name=waiting.name,
            deadline=bodies.iso(waiting.deadline) if waiting.deadline else None,
        ),
        "error": execution.error,
    }


def execution(
    listed: ListedExecution, checkpoints: Sequence[Checkpoint], runs: Sequence[PhaseRun]
) -> ExecutionBody:
    """One execution. `checkpoints` and `runs` are sorted, oldest first."""
    record = listed.execution
    return ExecutionBody(
        **_item(listed),
        request=RequestBody(
            message=record.request.message,
            user_input=record.request.user_input,
            campaign_context=record.request.campaign_context,
            language=record.request.language,
            inputs=record.request.inputs(),
        ),
        phases=list(record.phases),
        left_out=list(record.left_out),
        runs=[_run(run) for run in runs],
        checkpoints=[_checkpoint(each, record.definition) for each in checkpoints],
        actions=_actions(record),
        ended_by=None if record.ended_by is None else actor(record.ended_by),
        result=bodies.result_body(record, runs),
        usage=bodies.usage_body(runs),
    )


def _actions(record: Execution) -> list[Literal["cancel", "retry"]]:
    if record.state is ExecutionState.ERROR:
        return ["retry", "cancel"]
    return [] if record.state in ENDED else ["cancel"]


def _run(run: PhaseRun) -> PhaseRunBody:
    return PhaseRunBody(
        phase=run.phase,
        phase_index=run.phase_index,
        attempt=run.attempt,
        revision=run.revision,
        status=run.state.value,
        created_at=bodies.iso(run.created_at),
        started_at=bodies.iso(run.started_at) if run.started_at else None,
        ended_at=bodies.iso(run.ended_at) if run.ended_at else None,
        output=None if run.output is None else run.output.output,
        task_outputs=[] if run.output is None else bodies.task_outputs(run.output),
        feedback=run.feedback or None,
        progress={name: run.progress[name] for name in ("tasks", "tool") if name in run.progress},
        error=run.error,
    )


def _checkpoint(record: Checkpoint, definition: CrewDefinition) -> DecidedCheckpointBody:
    decided = record.feedback is not None and record.state is not CheckpointState.PENDING
    return DecidedCheckpointBody(
        **bodies.checkpoint(record, definition).model_dump(),
        decision=_decision(record.feedback) if decided and record.feedback is not None else None,
    )


def _decision(feedback: Feedback) -> DecisionBody:
    is_revision = feedback.action.value == "revise"
    return DecisionBody(
        action=feedback.action.value,
        outcome=feedback.outcome,
        feedback=feedback.text or None,
        values=dict(feedback.values),
        means=feedback.means.value if is_revision else None,
        actor=actor(feedback.actor),
        decided_at=bodies.iso(feedback.at),
    )


def waiting(entry: Entry) -> WaitingCheckpointBody:
    return WaitingCheckpointBody(
        **bodies.checkpoint(entry.checkpoint, entry.execution.definition).model_dump(),
        crew=entry.execution.crew,
        message=entry.execution.request.text,
        requester=actor(entry.execution.requester),
        channel=entry.execution.channel,
        permalink=entry.permalink,
    )


def audit_row(row: AuditRow) -> AuditRowBody:
    return AuditRowBody(
        seq=row.seq,
        at=bodies.iso(row.at),
        event=row.event,
        actor=None if row.actor is None else actor(row.actor),
        details=dict(row.details),
        digest=row.digest,
        hash=row.hash,
    )


def actor(record: Actor) -> ActorBody:
    return ActorBody(kind=record.kind.value, id=record.id, name=record.name)
