"""What passes between a worker and a crew's process: the child's own records.

The child imports nothing of `storage`: it runs under its crew's interpreter, where only CrewAI and
what CrewAI needs are installed. The worker translates these records to and from those of
`storage.records`, field by field and by the same names (`crew_runner.host.translation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Usage: TypeAlias = Mapping[str, Mapping[str, int]]
"""Counts by model, with the keys of `storage.records.Usage`."""


class CrewKind(StrEnum):
    CREW = "crew"  # a Python object: a crew or a flow
    COMMAND = "command"  # a program


class Action(StrEnum):
    """What was decided at a question or a gate, by a person or by its timeout."""

    CONTINUE = "continue"
    REVISE = "revise"
    STOP = "stop"
    SKIP = "skip"


class QuestionKind(StrEnum):
    """Why a running child waits for a person."""

    TOOL = "tool"  # a tool is to be called
    QUESTION = "question"  # a flow asks for an answer in words
    BUDGET = "budget"  # the budget is used up


@dataclass(frozen=True, slots=True)
class PhaseDefinition:
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What an execution may use before a person is asked; None: no bound."""

    tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task's output. `saved` is the child's own dump, needed to go on and to revise."""

    task: str
    agent: str
    output: str
    saved: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pause:
    """A gate at which a flow waits. `saved` is the flow's state, handed back unchanged."""

    gate: str
    message: str = ""
    outcomes: tuple[str, ...] = ()
    default_outcome: str | None = None
    saved: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhaseOutput:
    """A phase's text, its tasks' results and its usage by model. With `pause` it is not over."""

    output: str
    tasks: tuple[TaskResult, ...] = ()
    usage: Usage = field(default_factory=dict)
    pause: Pause | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a phase failed: `message` for the requester, `detail` (a traceback) for the log."""

    message: str
    detail: str = ""
    retryable: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """What a running child asks while it waits. The same question always has the same `key`."""

    kind: QuestionKind
    name: str
    key: str
    message: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The decision at a gate, as far as the flow needs it."""

    action: Action
    text: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """What a paused flow goes on with: its saved state and the decision."""

    pause: Pause
    feedback: Feedback
