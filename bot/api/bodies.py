"""The bodies of REST requests and responses, and their conversion from records."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from bot.api.webhook_bodies import MOST_WEBHOOKS, WebhookBody
from storage import usage
from storage.characters import storable
from storage.definitions import CrewDefinition, Json
from storage.output_hash import output_hash
from storage.policy import offered_actions
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
_DEPTH_LIMIT = 50


def _storable(text: str) -> str:
    if storable(text) != text:
        raise ValueError("it holds characters that cannot be stored")
    return text


Text = Annotated[str, Field(max_length=_TEXT_LIMIT), AfterValidator(_storable)]
LongText = Annotated[str, AfterValidator(_storable)]
"""An output; the crew's own limit applies."""
Word = Annotated[str, Field(max_length=100), AfterValidator(_storable)]


def _storable_json(value: Json, depth: int = 0) -> Json:
    if depth > _DEPTH_LIMIT:
        raise ValueError(f"it is nested more than {_DEPTH_LIMIT} levels deep")
    match value:
        case str():
            _storable(value)
        case float() if not math.isfinite(value):
            raise ValueError("it holds a number that is not finite")
        case list():
            for each in value:
                _storable_json(each, depth + 1)
        case dict():
            for name, each in value.items():
                _storable(name)
                _storable_json(each, depth + 1)
    return value


InputValues = Annotated[dict[Word, Json], AfterValidator(_storable_json)]


class ExecuteBody(BaseModel):
    """Starts a run. One of `message` and `user_input` fills the other; both may be left out if the
    crew takes no request, or all that it needs is in `inputs`. The run's events are sent to
    `webhook`, and to each of `webhooks`.
    """

    model_config = ConfigDict(extra="ignore")

    message: Text | None = None
    user_input: Text | None = None
    campaign_context: Text | None = None
    language: Word | None = None
    checkpoints: list[Text] | None = None
    crew: Text | None = None
    inputs: InputValues | None = None
    webhook: WebhookBody | None = None
    webhooks: list[WebhookBody] = Field(default=[], max_length=MOST_WEBHOOKS)

    def all_webhooks(self) -> list[WebhookBody]:
        return [*([] if self.webhook is None else [self.webhook]), *self.webhooks]

    def request(self) -> Request:
        message, user_input = (self.message or "").strip(), (self.user_input or "").strip()
        return Request(
            user_input=user_input or message,
            message=message or user_input,
            campaign_context=self.campaign_context or "",
            language=(self.language or "").strip(),
            named=self.inputs or {},
        )


class FeedbackBody(BaseModel):
    """A decision. `action` is checked in `calls`, so that the refusal can list what is allowed.

    `outcome` goes with `continue` if the checkpoint offers outcomes, and `values` if it has a
    `form`. With `revise`, `edited` (texts by task) replaces the output, and `use_revision`
    brings back that of an earlier revision; both open a new checkpoint at once. `output_hash` is
    that of the output that was seen: if the checkpoint shows another one, nothing is decided.
    """

    model_config = ConfigDict(extra="ignore")

    execution_id: Text
    checkpoint_id: Text
    action: Text
    feedback: Text | None = None
    outcome: Text | None = None
    values: InputValues | None = None
    edited: dict[Text, LongText] | None = None
    use_revision: int | None = None
    output_hash: Word | None = None


class TaskOutputBody(BaseModel):
    """`structured` is only there if the task has a typed output: the JSON that is handed on."""

    task: str
    agent: str
    output: str
    structured: Any = None

    @model_serializer(mode="wrap")
    def _without_nothing(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        body: dict[str, Any] = serialize(self)
        if self.structured is None:
            del body["structured"]
        return body


class FileBody(BaseModel):
    """A file that the phase wrote, or `deleted`. One that is not `kept` is too large to publish."""

    path: str
    size: int
    kept: bool
    deleted: bool


class ResultBody(BaseModel):
    status: str
    output: str
    task_outputs: list[TaskOutputBody]


class SpentBody(BaseModel):
    """If `at_least` is set, more tokens may have been used. `cost` is in dollars, null if no price
    is known, and without the models in `price_unknown`."""

    tokens: int
    at_least: bool
    cost: float | None
    price_unknown: list[str]


class PhaseSpentBody(SpentBody):
    phase: str


class ModelSpentBody(SpentBody):
    model: str


class UsageBody(SpentBody):
    """What an execution has used so far, including failed attempts and revisions."""

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
    """What a reviewer needs: the output, and from revision 2 on the feedback that led to it."""

    output: str
    task_outputs: list[TaskOutputBody]
    revision: int
    feedback: str | None


class FieldBody(BaseModel):
    """A value that `continue` needs, or takes if it is not `required`.

    `min` and `max` limit a number.
    """

    name: str
    label: str
    type: str
    required: bool
    choices: list[str]
    min: float | None
    max: float | None


class CheckpointBody(BaseModel):
    """`kind` says why the run waits. If there are `outcomes`, `continue` must name one of them.

    `continue` takes the values of the `form`, and publishes the `files` in the project's folder.
    `summary` names the task, or the field of a typed output, that sums the output up. `actions` are
    those that can be decided here.
    """

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
    files: list[FileBody]
    summary: str | None
    form: list[FieldBody]
    output_hash: str
    actions: list[str]


class FeedbackReceivedBody(BaseModel):
    status: str = "feedback_received"
    action: str
    execution_id: str
    checkpoint_id: str


class HealthBody(BaseModel):
    status: str = "healthy"
    active_executions: int
    pending_checkpoints: int


class ReadyBody(BaseModel):
    status: str = "ready"


_NOT_COMPLETED = frozenset(
    {CheckpointState.PENDING, CheckpointState.REVISED, CheckpointState.CANCELLED}
)


def status(
    execution: Execution, checkpoints: Iterable[Checkpoint], runs: Iterable[PhaseRun]
) -> StatusBody:
    """The status of an execution. `checkpoints` are sorted, oldest first."""
    checkpoints, runs = tuple(checkpoints), tuple(runs)
    pending = [c.id for c in checkpoints if c.state is CheckpointState.PENDING]
    return StatusBody(
        execution_id=execution.id,
        status=execution.state.value,
        current_checkpoint=pending[-1] if pending else None,
        completed_checkpoints=[c.id for c in checkpoints if c.state not in _NOT_COMPLETED],
        result=result_body(execution, runs),
        error=execution.error,
        usage=usage_body(runs),
    )


def usage_body(runs: Sequence[PhaseRun]) -> UsageBody:
    total = usage.total(run.usage for run in runs)
    names = {run.phase_index: run.phase for run in runs}
    return UsageBody(
        **_spent(total),
        by_phase=[
            PhaseSpentBody(phase=names[index], **_spent(used))
            for index, used in usage.by_phase(runs).items()
            if used
        ],
        by_model=[ModelSpentBody(model=m, **_spent({m: counts})) for m, counts in total.items()],
    )


def _spent(used: Usage) -> dict[str, Any]:
    cost = usage.cost(used)
    return {
        "tokens": usage.tokens(used),
        "at_least": usage.is_lower_bound(used),
        "cost": None if cost.microdollars is None else cost.microdollars / 1_000_000,
        "price_unknown": list(cost.unknown),
    }


def result_body(execution: Execution, runs: Iterable[PhaseRun]) -> ResultBody | None:
    """The run's result: the last phase's text, and every phase's last accepted task outputs."""
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
        task_outputs=[out for index in sorted(done) for out in task_outputs(done[index])],
    )


def task_outputs(output: PhaseOutput) -> list[TaskOutputBody]:
    return [
        TaskOutputBody(
            task=each.task,
            agent=each.agent,
            output=each.output,
            structured=json.loads(each.structured) if each.structured else None,
        )
        for each in output.tasks
    ]


def checkpoint(record: Checkpoint, definition: CrewDefinition | None = None) -> CheckpointBody:
    """`definition` is that of the execution's crew, which may have no revisions."""
    actions = record.offered if definition is None else offered_actions(record, definition)
    return CheckpointBody(
        execution_id=record.execution_id,
        checkpoint_id=record.id,
        checkpoint_name=record.name,
        description=record.description,
        context=ContextBody(
            output=record.output.output,
            task_outputs=task_outputs(record.output),
            revision=record.revision,
            feedback=record.asked or None,
        ),
        status=record.state.value,
        created_at=iso(record.created_at),
        phase=record.phase,
        revision=record.revision,
        approvers=list(record.rule.approvers),
        deadline=iso(record.deadline) if record.deadline else None,
        on_timeout=record.rule.on_timeout.value if record.deadline else None,
        kind=record.kind.value,
        outcomes=list(record.outcomes),
        files=[FileBody(**asdict(file)) for file in record.output.files],
        summary=record.summary or None,
        form=[FieldBody(**asdict(field)) for field in record.form],
        output_hash=output_hash(record.output),
        actions=[action.value for action in actions],
    )


def health(counts: Counts) -> HealthBody:
    return HealthBody(
        active_executions=counts.active_executions,
        pending_checkpoints=counts.pending_checkpoints,
    )


def iso(moment: datetime) -> str:
    """ISO 8601, in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def problem(errors: Iterable[Any]) -> str:
    """Pydantic's errors about a body as one sentence, without the values that were sent."""
    return "; ".join(_describe(error) for error in errors)


def _describe(error: Any) -> str:
    if error["type"] == "json_invalid":
        return "the body is not valid JSON"
    where = ".".join(str(part) for part in error["loc"] if part != "body") or "the body"
    if error["type"] == "missing":
        return f"{where} is needed"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {message[:1].lower()}{message[1:]}"
