"""Frozen records that leave this package. Nothing here knows a database or a front end.

Times are aware datetimes in UTC. Ids are UUID strings. `saved` mappings are JSON values of the
runner's own; they are stored and returned as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from storage.definitions import CrewDefinition, DecisionRule, FormField, Json, OnTimeout
from storage.states import CheckpointState, ExecutionState, PhaseRunState

Usage: TypeAlias = Mapping[str, Mapping[str, int]]
"""By model: `calls`, `prompt_tokens`, `completion_tokens`, `cached_tokens` (prompt tokens served
from a cache) and, only if the price is known, `microdollars`. `uncounted_calls` reported no tokens
and `unpriced_calls` used a model without a known price; if either is present, the sums are lower
bounds."""


class Action(StrEnum):
    """What a person can decide at a checkpoint."""

    CONTINUE = "continue"
    REVISE = "revise"
    STOP = "stop"
    SKIP = "skip"


class ActorKind(StrEnum):
    SLACK = "slack"
    API = "api"
    TIMEOUT = "timeout"
    SYSTEM = "system"  # recovery and operators' commands


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted, with the facts that the policy needs; None means unknown.

    `channel_member` refers to the channel of the execution in question. `groups_offered` is False
    if the workspace has no user groups, whatever a rule names.
    """

    kind: ActorKind
    id: str
    name: str = ""
    channel_member: bool | None = None
    guest: bool | None = None
    external: bool | None = None
    groups: frozenset[str] = frozenset()
    groups_known: bool = False
    groups_offered: bool = True
    decides_everything: bool = False


TIMEOUT = Actor(ActorKind.TIMEOUT, "timeout", "timeout")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. An empty `user_input` defaults to `message`, and vice versa.

    `named` are the inputs that the requester gave by name. Once the request is `resolved`, `values`
    are all inputs that the crew gets; `unused` names what was said but nothing in the crew takes.
    """

    user_input: str
    message: str = ""
    campaign_context: str = ""
    language: str = ""
    values: Mapping[str, Json] = field(default_factory=dict)
    named: Mapping[str, Json] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    resolved: bool = False

    @property
    def text(self) -> str:
        return self.user_input or self.message

    def inputs(self) -> dict[str, Json]:
        """The inputs that the crew gets. Before they are resolved: only what was said."""
        if self.resolved:
            return dict(self.values)
        general = {name: text for name, text in self.general_inputs().items() if text}
        return {**general, **self.named, **self.values}

    def general_inputs(self) -> dict[str, str]:
        """The inputs that programs get with every request, also the empty ones."""
        return {
            "user_input": self.text,
            "message": self.message or self.user_input,
            "campaign_context": self.campaign_context,
            "language": self.language,
            "output_language": self.language,
        }


@dataclass(frozen=True, slots=True)
class TaskResult:
    """The output of one task. `saved` is the runner's own dump, needed to continue or revise.

    `structured` is the JSON text of a typed output, which is what later tasks get; else empty.
    `edited`: a reviewer wrote `output`, which replaces the text in `saved`.
    """

    task: str
    agent: str
    output: str
    saved: Mapping[str, object] = field(default_factory=dict)
    structured: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A flow that waits for a person: at a `@human_feedback`, or at a checkpoint of crews.yml.

    `gate` is the method's name. If there are `outcomes`, the decision picks one; a timeout that
    continues picks `default_outcome`. `saved` is the flow's own state, returned as it is.

    `at` is "after" or "before" the method for a checkpoint of crews.yml, else empty. A revision
    runs the phase again from there; if it is not `revisable`, there is nothing that could run.
    """

    gate: str
    message: str = ""
    outcomes: tuple[str, ...] = ()
    default_outcome: str | None = None
    saved: Mapping[str, object] = field(default_factory=dict)
    at: str = ""
    revisable: bool = True


@dataclass(frozen=True, slots=True)
class OutputFile:
    """A file that a phase wrote: its path below the project's folder, with `/`, and its bytes.

    One that is not `kept` was too large, so that neither later phases nor the project get it.
    `deleted`: the phase deleted a file of the project or of an earlier phase.
    """

    path: str
    size: int
    kept: bool = True
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class PhaseOutput:
    """The output of a phase: its last task's text, each task's result, and its usage by model.

    With a `pause` the crew has not ended but waits at a gate. `inputs` are those that later phases
    get, if the crew changed them. `revised` is False if a revision took no notice of the
    reviewer's words. `files` are those that the phase wrote.
    """

    output: str
    tasks: tuple[TaskResult, ...] = ()
    usage: Usage = field(default_factory=dict)
    pause: Pause | None = None
    inputs: Mapping[str, Json] | None = None
    revised: bool = True
    files: tuple[OutputFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a phase failed: `message` is for the requester, `detail` (a traceback) for the log.

    `retryable`: whether to try again at once. `retry_helps`: whether somebody can remove the cause
    and then resume the execution.
    """

    message: str
    detail: str = ""
    retryable: bool = True
    retry_helps: bool = True


class RevisionMeans(StrEnum):
    """How a revision gets its text."""

    RUN = "run"  # the phase runs again with the reviewer's words
    EDIT = "edit"  # the reviewer wrote the text
    EARLIER = "earlier"  # the text of an earlier revision


@dataclass(frozen=True, slots=True)
class Feedback:
    """A decision as recorded. `tasks` are the outputs to revise; empty means all.

    `outcome` is the one picked at a gate that offers outcomes. `values` are those of the
    checkpoint's form, by field. `means` belongs to a revision.
    """

    action: Action | OnTimeout
    text: str
    actor: Actor
    at: datetime
    tasks: tuple[str, ...] = ()
    outcome: str | None = None
    values: Mapping[str, Json] = field(default_factory=dict, hash=False)
    means: RevisionMeans = RevisionMeans.RUN


class CheckpointKind(StrEnum):
    """Why a run waits. For the kinds in HELD, the child keeps running and waits for the answer."""

    PHASE = "phase"  # the output of a phase needs a decision
    GATE = "gate"  # a flow's own pause; the flow's state is in the database
    TOOL = "tool"  # an agent wants to call a tool
    QUESTION = "question"  # a flow asks for a written answer
    TASK = "task"  # a task inside a flow has human_input=True
    BUDGET = "budget"  # the budget is used up


_ALL: Final = tuple(Action)
OFFERED: Final[Mapping[CheckpointKind, tuple[Action, ...]]] = {
    CheckpointKind.PHASE: _ALL,
    CheckpointKind.GATE: _ALL,
    CheckpointKind.TOOL: _ALL,
    CheckpointKind.QUESTION: (Action.CONTINUE, Action.STOP, Action.SKIP),
    CheckpointKind.TASK: _ALL,
    CheckpointKind.BUDGET: (Action.CONTINUE, Action.STOP),
}
"""The actions that each kind of checkpoint offers, unless its crew cannot revise."""

HELD = frozenset(
    {CheckpointKind.TOOL, CheckpointKind.QUESTION, CheckpointKind.TASK, CheckpointKind.BUDGET}
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a running child asks; it keeps its slot while it waits for the answer.

    The same question has the same `key`, so a child that runs the phase again after a crash gets
    the earlier answer. `shown` is what the person decides about.
    """

    kind: CheckpointKind
    name: str
    key: str
    message: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """What a paused flow resumes with: its own saved state, and the decision."""

    pause: Pause
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a crew. `version` counts its changes. `retry_helps` belongs to `error`."""

    id: str
    crew: str
    definition: CrewDefinition
    state: ExecutionState
    version: int
    request: Request
    requester: Actor
    created_at: datetime
    updated_at: datetime
    channel: str | None = None
    thread_ts: str | None = None
    phases: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    ended_at: datetime | None = None
    ended_by: Actor | None = None
    result: PhaseOutput | None = None
    error: str | None = None
    retry_helps: bool = True
    has_webhooks: bool = False


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """One try of a phase. `attempt` and `revision` start at 1.

    `usage` is its usage by model so far, whether or not it produced an output.
    """

    id: str
    execution_id: str
    phase: str
    phase_index: int
    attempt: int
    revision: int
    state: PhaseRunState
    fence: int
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    not_before: datetime | None = None
    lease_owner: str | None = None
    lease_until: datetime | None = None
    feedback: str = ""
    revise_tasks: tuple[str, ...] = ()
    output: PhaseOutput | None = None
    progress: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    usage: Usage = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A pause for a human, with the exact output shown."""

    id: str
    execution_id: str
    phase_run_id: str
    name: str
    description: str
    phase: str
    revision: int
    rule: DecisionRule
    state: CheckpointState
    created_at: datetime
    deadline: datetime | None
    output: PhaseOutput
    feedback: Feedback | None = None
    asked: str = ""
    asked_by: Actor | None = None
    message_ts: str | None = None
    kind: CheckpointKind = CheckpointKind.PHASE
    outcomes: tuple[str, ...] = ()
    lessons: tuple[str, ...] = ()
    summary: str = ""
    form: tuple[FormField, ...] = ()

    @property
    def at_method(self) -> Pause | None:
        """The pause of a flow, if it is at a checkpoint of crews.yml and not at the flow's own."""
        pause = self.output.pause
        return pause if self.kind is CheckpointKind.GATE and pause and pause.at else None

    @property
    def offered(self) -> tuple[Action, ...]:
        """The actions that people can choose from."""
        actions, pause = OFFERED[self.kind], self.at_method
        if pause is None or pause.revisable:
            return actions
        return tuple(action for action in actions if action is not Action.REVISE)


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's lease on a phase run, with everything its child needs.

    `done` are the outputs of the phases before this one, in order. `previous` is the output that
    a revision starts from; the request is in `run.feedback`. `resume` is what a flow resumes with,
    and `lessons` are those that apply to the crew. `spent` are the usages of the execution's other
    runs, and `raises` is how often a person raised its budget; both are set only if the crew has a
    budget. `form_values` are what reviewers have filled in so far, by field.
    """

    run: PhaseRun
    execution: Execution
    done: tuple[tuple[str, PhaseOutput], ...]
    previous: PhaseOutput | None
    owner: str
    fence: int
    lease_until: datetime
    resume: Resume | None = None
    lessons: tuple[str, ...] = ()
    spent: tuple[Usage, ...] = ()
    raises: int = 0
    form_values: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A revision request that a reviewer wants applied to all later runs of the crew."""

    id: str
    crew: str
    text: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    active_executions: int
    pending_checkpoints: int


@dataclass(frozen=True, slots=True)
class MessageRef:
    """A message in Slack."""

    channel: str
    ts: str
