"""What the REST calls take and give: the shapes, and records turned into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from storage import usage
from storage.characters import storable
from storage.records import (
    Checkpoint,
    Counts,
    Execution,
    PhaseOutput,
    PhaseRun,
    Request,
    Usage,
)
from storage.states import CheckpointState, PhaseRunState

_TEXT_LIMIT = 100_000


def _storable(text: str) -> str:
    if storable(text) != text:
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, Field(max_length=_TEXT_LIMIT), AfterValidator(_storable)]
Word = Annotated[str, Field(max_length=100), AfterValidator(_storable)]


class ExecuteBody(BaseModel):
    """A start. One of `message` and `user_input` is needed; each fills the other."""

    model_config = ConfigDict(extra="ignore")

    message: Text | None = None
    user_input: Text | None = None
    campaign_context: Text | None = None
    language: Word | None = None
    checkpoints: list[Text] | None = None
    crew: Text | None = None

    def request(self) -> Request | None:
        """What is asked for, or None if it is nothing."""
        message, user_input = (self.message or "").strip(), (self.user_input or "").strip()
        if not (message or user_input):
            return None
        return Request(
            user_input=user_input or message,
            message=message or user_input,
            campaign_context=self.campaign_context or "",
            language=(self.language or "").strip(),
        )


class FeedbackBody(BaseModel):
    """A decision. `action` is checked by hand, so that its refusal can say what is allowed.

    `outcome` goes with `continue` where the checkpoint offers outcomes.
    """

    model_config = ConfigDict(extra="ignore")

    execution_id: Text
    checkpoint_id: Text
    action: Text
    feedback: Text | None = None
    outcome: Text | None = None


class TaskOutputBody(BaseModel):
    task: str
    agent: str
    output: str


class ResultBody(BaseModel):
    status: str
    output: str
    task_outputs: list[TaskOutputBody]


class SpentBody(BaseModel):
    """`tokens` are at least so many where `at_least` is set. `cost` is in dollars and null where
    no price is known; those of the models in `price_unknown` are not in it."""

    tokens: int
    at_least: bool
    cost: float | None
    price_unknown: list[str]


class PhaseSpentBody(SpentBody):
    phase: str


class ModelSpentBody(SpentBody):
    model: str


class UsageBody(SpentBody):
    """What an execution used so far, failed tries and revisions included."""

    by_phase: list[PhaseSpentBody]
    by_model: list[ModelSpentBody]


class StatusBody(BaseModel):
    execution_id: str
    status: str
    current_checkpoint: str | None
    completed_checkpoints: list[str]
    result: ResultBody | None
    error: str | None
    usage: UsageBody


class ContextBody(BaseModel):
    """What a reviewer needs: the output, and from revision 2 on the words that led to it."""

    output: str
    task_outputs: list[TaskOutputBody]
    revision: int
    feedback: str | None


class CheckpointBody(BaseModel):
    """`kind` says why the run waits; where there are `outcomes`, continue names one of them."""

    execution_id: str
    checkpoint_id: str
    checkpoint_name: str
    description: str
    context: ContextBody
    status: str
    created_at: str
    phase: str
    revision: int
    approvers: list[str]
    deadline: str | None
    on_timeout: str | None
    kind: str
    outcomes: list[str]


class FeedbackReceivedBody(BaseModel):
    status: str = "feedback_received"
    action: str
    execution_id: str
    checkpoint_id: str


class HealthBody(BaseModel):
    status: str = "healthy"
    active_executions: int
    pending_checkpoints: int


class ErrorBody(BaseModel):
    detail: str


_NOT_COMPLETED = frozenset(
    {CheckpointState.PENDING, CheckpointState.REVISED, CheckpointState.CANCELLED}
)


def status(
    execution: Execution, checkpoints: Iterable[Checkpoint], runs: Iterable[PhaseRun]
) -> StatusBody:
    """Where an execution stands; `checkpoints` oldest first."""
    in_order, tried = tuple(checkpoints), tuple(runs)
    waiting = [c.id for c in in_order if c.state is CheckpointState.PENDING]
    return StatusBody(
        execution_id=execution.id,
        status=execution.state.value,
        current_checkpoint=waiting[-1] if waiting else None,
        completed_checkpoints=[c.id for c in in_order if c.state not in _NOT_COMPLETED],
        result=_result(execution, tried),
        error=execution.error,
        usage=_usage(tried),
    )


def _usage(runs: Sequence[PhaseRun]) -> UsageBody:
    whole = usage.total(run.usage for run in runs)
    names = {run.phase_index: run.phase for run in runs}
    return UsageBody(
        **_spent(whole),
        by_phase=[
            PhaseSpentBody(phase=names[index], **_spent(used))
            for index, used in usage.by_phase(runs).items()
            if used
        ],
        by_model=[ModelSpentBody(model=m, **_spent({m: counts})) for m, counts in whole.items()],
    )


def _spent(used: Usage) -> dict[str, Any]:
    cost = usage.cost(used)
    return {
        "tokens": usage.tokens(used),
        "at_least": usage.is_at_least(used),
        "cost": None if cost.microdollars is None else cost.microdollars / 1_000_000,
        "price_unknown": list(cost.unknown),
    }


def _result(execution: Execution, runs: Iterable[PhaseRun]) -> ResultBody | None:
    """The whole run's result: the last phase's text, every phase's last accepted task outputs."""
    if execution.result is None:
        return None
    done: dict[int, PhaseOutput] = {
        run.phase_index: run.output
        for run in runs
        if run.state is PhaseRunState.DONE and run.output is not None
    }
    return ResultBody(
        status="complete",
        output=execution.result.output,
        task_outputs=[out for index in sorted(done) for out in _task_outputs(done[index])],
    )


def _task_outputs(output: PhaseOutput) -> list[TaskOutputBody]:
    return [TaskOutputBody(task=t.task, agent=t.agent, output=t.output) for t in output.tasks]


def checkpoint(shown: Checkpoint) -> CheckpointBody:
    return CheckpointBody(
        execution_id=shown.execution_id,
        checkpoint_id=shown.id,
        checkpoint_name=shown.name,
        description=shown.description,
        context=ContextBody(
            output=shown.output.output,
            task_outputs=_task_outputs(shown.output),
            revision=shown.revision,
            feedback=shown.asked or None,
        ),
        status=shown.state.value,
        created_at=_iso(shown.created_at),
        phase=shown.phase,
        revision=shown.revision,
        approvers=list(shown.rule.approvers),
        deadline=_iso(shown.deadline) if shown.deadline else None,
        on_timeout=shown.rule.on_timeout.value if shown.deadline else None,
        kind=shown.kind.value,
        outcomes=list(shown.outcomes),
    )


def health(counts: Counts) -> HealthBody:
    return HealthBody(
        active_executions=counts.active_executions,
        pending_checkpoints=counts.pending_checkpoints,
    )


def _iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def problem(errors: Iterable[Any]) -> str:
    """Pydantic's complaints about a body as one sentence, without what was sent."""
    return "; ".join(_complaint(error) for error in errors)


def _complaint(error: Any) -> str:
    if error["type"] == "json_invalid":
        return "the body is not valid JSON"
    where = ".".join(str(part) for part in error["loc"] if part != "body") or "the body"
    if error["type"] == "missing":
        return f"{where} is needed"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said[:1].lower()}{said[1:]}"
