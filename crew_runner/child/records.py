"""The child's own records, in which it exchanges data with its worker.

The child imports nothing of `storage`: it runs under its crew's interpreter, where only CrewAI and
its dependencies are installed. The worker translates these records to and from those of
`storage.records`, field by field under the same names (`crew_runner.host.translation`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .older_python import StrEnum

Usage: TypeAlias = Mapping[str, Mapping[str, int]]
"""Counts by model, with the keys of `storage.records.Usage`."""


class CrewKind(StrEnum):
    CREW = "crew"  # a Python object: a crew or a flow
    COMMAND = "command"  # a program


class Action(StrEnum):
    """The decision on a question or at a gate, by a person or by the timeout."""

    CONTINUE = "continue"
    REVISE = "revise"
    STOP = "stop"
    SKIP = "skip"


class QuestionKind(StrEnum):
    """Why a running child waits for a person."""

    TOOL = "tool"  # an agent wants to call a tool
    QUESTION = "question"  # a flow asks for a written answer
    TASK = "task"  # a task inside a flow has human_input=True
    BUDGET = "budget"  # the budget is used up


@dataclass(frozen=True, slots=True)
class PhaseDefinition:
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What an execution may use before a person is asked. None means no limit."""

    tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class TaskResult:
    """One task's output. `saved` is the child's own dump, for later phases and revisions.

    `structured` is the JSON text of a typed output, or empty.
    """

    task: str
    agent: str
    output: str
    saved: Mapping[str, object] = field(default_factory=dict)
    structured: str = ""
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Pause:
    """A gate at which a flow waits. `saved` is the flow's state, handed back unchanged.

    `at` and `revisable` belong to a checkpoint of crews.yml, see `storage.records.Pause`.
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
    """A phase's text, task results and usage by model. With `pause`, the flow is not finished.

    `inputs` are those that later phases get, if the crew changed them. `revised` is False if a
    revision took no notice of the reviewer's words. The worker sets `files`.
    """

    output: str
    tasks: tuple[TaskResult, ...] = ()
    usage: Usage = field(default_factory=dict)
    pause: Pause | None = None
    inputs: Mapping[str, Any] | None = None
    revised: bool = True
    files: tuple[OutputFile, ...] = ()


class InputType(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DATE = "date"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class CrewInput:
    """An input that a crew names, with the default that its code gives it (None: there is none)."""

    name: str
    type: InputType = InputType.TEXT
    label: str = ""
    default: Any = None
    value: Any = None
    choices: tuple[str, ...] = ()
    required: bool | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a phase failed: `message` for the requester, `detail` (a traceback) for the log.

    `retryable`: whether to try again at once. `retry_helps`: whether somebody can remove the cause
    and then resume the execution.
    """

    message: str
    detail: str = ""
    retryable: bool = True
    retry_helps: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a running child, which waits. The same question always has the same `key`."""

    kind: QuestionKind
    name: str
    key: str
    message: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The part of the decision at a gate that the flow needs."""

    action: Action
    text: str
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Resume:
    """The input that continues a paused flow: its saved state and the decision."""

    pause: Pause
    feedback: Feedback
