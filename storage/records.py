"""Frozen records that leave this package. Nothing here knows a database or a front end.

Times are aware datetimes in UTC. Ids are UUID strings. `saved` mappings are JSON values that
belong to whoever wrote them and are handed back unread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias

from storage.definitions import CrewDefinition, DecisionRule, OnTimeout
from storage.states import CheckpointState, ExecutionState, PhaseRunState

Usage: TypeAlias = Mapping[str, Mapping[str, int]]
"""By model: `calls`, `prompt_tokens`, `completion_tokens`, `cached_tokens` (those of the prompt
that a cache had), and, only where the price is known, `microdollars`. `uncounted_calls` told no
tokens, `unpriced_calls` were of a model without a known price: the sums are at least so much."""


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
    """Who acted, with the facts that the policy needs; None means that a fact is not known.

    `channel_member` speaks of the channel of the execution that is acted on.
    """

    kind: ActorKind
    id: str
    name: str = ""
    channel_member: bool | None = None
    guest: bool | None = None
    external: bool | None = None
    groups: frozenset[str] = frozenset()
    groups_known: bool = False
    decides_everything: bool = False


TIMEOUT = Actor(ActorKind.TIMEOUT, "timeout", "timeout")


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. `user_input` and `message` fill each other."""

    user_input: str
    message: str = ""
    campaign_context: str = ""
    language: str = ""

    def inputs(self) -> dict[str, str]:
        """The inputs that every crew is given."""
        return {
            "user_input": self.user_input or self.message,
            "message": self.message or self.user_input,
            "campaign_context": self.campaign_context,
            "language": self.language,
            "output_language": self.language,
        }


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What one task gave. `saved` is the runner's own dump, needed to go on and to revise."""

    task: str
    agent: str
    output: str
    saved: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """Where a flow stands still for a person (CrewAI's `@human_feedback`).

    `gate` is the method's name. With `outcomes` one of them is chosen; `default_outcome` is what
    a timeout that continues takes. `saved` is the flow's own state, handed back unread.
    """

    gate: str
    message: str = ""
    outcomes: tuple[str, ...] = ()
    default_outcome: str | None = None
    saved: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhaseOutput:
    """What a phase gave: its last task's text, each task's result, what it used by model.

    With `pause` the crew has not ended: it waits at a gate.
    """

    output: str
    tasks: tuple[TaskResult, ...] = ()
    usage: Usage = field(default_factory=dict)
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a phase failed, in words for the requester; `detail` (a traceback) is for the log."""

    message: str
    detail: str = ""
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class Feedback:
    """A decision as recorded. `tasks` are the outputs that a revision names; empty means all.

    `outcome` is what was chosen at a gate that offers outcomes.
    """

    action: Action | OnTimeout
    text: str
    actor: Actor
    at: datetime
    tasks: tuple[str, ...] = ()
    outcome: str | None = None


class CheckpointKind(StrEnum):
    """Why a run waits. In those of HELD its child lives on and waits for the answer."""

    PHASE = "phase"  # a phase's output is to be decided
    GATE = "gate"  # a flow's own; the flow stands still in the database
    TOOL = "tool"  # a tool is to be called
    QUESTION = "question"  # a flow asks for an answer in words
    BUDGET = "budget"  # the budget is used up


_ALL: Final = tuple(Action)
OFFERED: Final[Mapping[CheckpointKind, tuple[Action, ...]]] = {
    CheckpointKind.PHASE: _ALL,
    CheckpointKind.GATE: _ALL,
    CheckpointKind.TOOL: _ALL,
    CheckpointKind.QUESTION: (Action.CONTINUE, Action.STOP, Action.SKIP),
    CheckpointKind.BUDGET: (Action.CONTINUE, Action.STOP),
}
"""How each kind may be decided."""

HELD = frozenset({CheckpointKind.TOOL, CheckpointKind.QUESTION, CheckpointKind.BUDGET})


@dataclass(frozen=True, slots=True)
class Question:
    """What a running child asks, and holds its place for.

    `key` is the same for the same question: a child that runs the phase again after a crash is
    given the answer that was given. `shown` is what the person decides about.
    """

    kind: CheckpointKind
    name: str
    key: str
    message: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Resume:
    """What a paused flow goes on with: its own saved state, and the decision."""

    pause: Pause
    feedback: Feedback


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a crew. `version` counts its changes."""

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


@dataclass(frozen=True, slots=True)
class PhaseRun:
    """One try of a phase. `attempt` and `revision` start at 1.

    `usage` is what it used by model so far, whether or not it led to an output.
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


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's hold on a phase run, with all that its child needs.

    `done` are the outputs of the phases before this one, in order. `previous` is the output
    that a revision starts from, and the words stand in `run.feedback`. `resume` is what a flow
    goes on with, `lessons` what the crew's reviewers want to hold. `spent` are the usages of the
    execution's other runs, and `raises` how often a person let it go over its budget; both are
    looked up only where there is a budget.
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


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a reviewer asked for once and wants to hold from now on, for one crew."""

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
    """A message of Slack's."""

    channel: str
    ts: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody wants to decide. `message` is the one clicked on; None where there is none.

    `delivery` is the front end's id of this very delivery: a second one changes nothing and is
    answered as the first was.
    """

    checkpoint_id: str
    action: Action
    actor: Actor
    text: str = ""
    tasks: tuple[str, ...] = ()
    message: MessageRef | None = None
    delivery: str | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that was recorded, and where it left the execution."""

    checkpoint: Checkpoint
    execution: Execution


@dataclass(frozen=True, slots=True)
class Reply:
    """A message that somebody wrote in a thread."""

    channel: str
    thread_ts: str
    ts: str
    text: str
    actor: Actor
    mentions_bot: bool


@dataclass(frozen=True, slots=True)
class RevisionOffered:
    """Talk by somebody who may decide: nothing moved; they may be asked whether they meant to."""

    checkpoint: Checkpoint
    text: str


@dataclass(frozen=True, slots=True)
class Talk:
    """Nothing that concerns a checkpoint."""
