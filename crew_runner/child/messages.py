"""What a worker and its child say to each other: frozen records, as JSON over a pipe.

The worker trusts nothing that it reads here, for crew code runs on the other side: what has not
the right shape raises BadMessage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from crew_runner.child.records import (
    Action,
    Budget,
    CrewKind,
    Failure,
    PhaseDefinition,
    PhaseOutput,
    Question,
    Resume,
    Usage,
)

LONGEST_MESSAGE: Final = 64 * 1024 * 1024
"""Bytes; a longer one is not read."""

LARGEST_OUTPUT: Final = 10 * 1024 * 1024
"""Bytes of one phase's output, unless crews.yml has another limit."""

COMMAND_PHASE: Final = "run"
"""The only phase of a command crew that names none. It is called with the plain inputs."""

QUESTION: Final = "question"
"""The name of the checkpoints at which a flow asks for words."""


class BadMessage(Exception):
    """What came over the pipe is none of the messages below."""


@dataclass(frozen=True, slots=True)
class Job:
    """One phase to run or, with `only_check`, a crew to build and describe.

    Without `phases` the child describes the crew first and waits for Phases; with `first` also
    where the crew adds to what crews.yml says. `pauses` are the phases that end at a checkpoint.
    `previous`, `feedback` and `revise` are those of a revision; `revise` empty means every task.
    `resume` is what a flow that paused goes on with. `lessons` are what the crew's reviewers want
    to hold. `model` are the variables that choose the model, `extra` those that the operator
    hands on. `storage` is a directory that lives as long as the job. `approve_tools`, `budget`
    (with what was `spent` before and how often it was raised) and `model_calls` are what the
    child asks about or ends at. `allowed` are the keys of the calls that were allowed when
    the phase ran before, and may have been made then.
    """

    kind: CrewKind
    target: str | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[PhaseDefinition, ...] = ()
    phase: str = ""
    first: bool = False
    pauses: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    done: tuple[tuple[str, PhaseOutput], ...] = ()
    previous: PhaseOutput | None = None
    feedback: str = ""
    revise: tuple[str, ...] = ()
    resume: Resume | None = None
    lessons: tuple[str, ...] = ()
    model: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)
    storage: str = ""
    approve_tools: tuple[str, ...] = ()
    budget: Budget = field(default_factory=Budget)
    spent: Usage = field(default_factory=dict)
    raises: int = 0
    model_calls: int | None = None
    allowed: tuple[str, ...] = ()
    only_check: bool = False
    message: Literal["job"] = "job"

    @property
    def revising(self) -> bool:
        return bool(self.feedback) and self.previous is not None


@dataclass(frozen=True, slots=True)
class Phases:
    """The worker's answer to Described: what to run, now that it is written down."""

    phases: tuple[PhaseDefinition, ...]
    phase: str
    pauses: tuple[str, ...] = ()
    message: Literal["phases"] = "phases"


@dataclass(frozen=True, slots=True)
class Answer:
    """The worker's answer to Asked: what a person, or the timeout, decided.

    Continue is a yes, revise a no with words, skip means to go on without.
    """

    action: Action
    text: str = ""
    message: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class Ready:
    """The child waits for its job."""

    message: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class Described:
    """The crew was built: its phases, and where a person decides of the crew's own accord.

    `arising` are checkpoints that its tasks ask for: a name, the phase before it, a description.
    `gates` are the methods at which a flow pauses.
    """

    phases: tuple[PhaseDefinition, ...]
    arising: tuple[tuple[str, str, str], ...] = ()
    gates: tuple[str, ...] = ()
    message: Literal["described"] = "described"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    task: str
    agent: str
    state: Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the phase stands, whole. `tool` is the one in use, or empty.

    `usage` is what this child used so far.
    """

    tasks: tuple[TaskProgress, ...]
    tool: str = ""
    usage: Usage = field(default_factory=dict)
    message: Literal["progress"] = "progress"

    def as_json(self) -> dict[str, object]:
        """As StateManager.progress stores it."""
        return {"tasks": [asdict(task) for task in self.tasks], "tool": self.tool}


@dataclass(frozen=True, slots=True)
class Asked:
    """A person is to answer before the phase goes on; the worker tells Answer."""

    question: Question
    message: Literal["asked"] = "asked"


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Whoever asked waits no longer. The worker tells Answer nevertheless: skip, or what was
    decided just before.
    """

    message: Literal["withdrawn"] = "withdrawn"


@dataclass(frozen=True, slots=True)
class Done:
    output: PhaseOutput
    message: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    message: Literal["failed"] = "failed"


FromChild: TypeAlias = Ready | Described | Progress | Asked | Withdrawn | Done | Failed
FromWorker: TypeAlias = Job | Phases | Answer

_FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(
    Annotated[FromChild, Field(discriminator="message")]
)
_FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(
    Annotated[FromWorker, Field(discriminator="message")]
)


_HALF: Final = re.compile("[\ud800-\udfff]")


def to_worker(message: FromChild) -> bytes:
    """Texts are a crew's and may hold halves of surrogate pairs, which become U+FFFD here."""
    try:
        return _FROM_CHILD.dump_json(message)
    except PydanticSerializationError:  # UTF-8 does not hold them
        return to_json(_without_halves(_FROM_CHILD.dump_python(message)))


def _without_halves(value: Any) -> Any:
    if isinstance(value, str):
        return _HALF.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [_without_halves(each) for each in value]
    if isinstance(value, dict):
        return {_without_halves(name): _without_halves(each) for name, each in value.items()}
    return value


def to_child(message: FromWorker) -> bytes:
    return _FROM_WORKER.dump_json(message)


def from_child(raw: bytes) -> FromChild:
    """Raises BadMessage."""
    try:
        return _FROM_CHILD.validate_json(raw)
    except ValidationError as error:
        raise BadMessage(f"{error.error_count()} fields do not fit") from error


def from_worker(raw: bytes) -> FromWorker:
    """Raises BadMessage."""
    try:
        return _FROM_WORKER.validate_json(raw)
    except ValidationError as error:
        raise BadMessage(f"{error.error_count()} fields do not fit") from error
