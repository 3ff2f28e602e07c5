"""The messages between a worker and its child: frozen records, as JSON over a pipe.

The worker does not trust them, because crew code runs on the other side: a message of the wrong
shape raises BadMessage.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from .records import (
    Action,
    Budget,
    CrewInput,
    CrewKind,
    Failure,
    PhaseDefinition,
    PhaseOutput,
    Question,
    Resume,
    Usage,
)
from .withheld import Withheld

MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024
"""A longer message is not read."""

MAX_OUTPUT_BYTES: Final = 10 * 1024 * 1024
"""The limit of one phase's output, unless crews.yml sets another."""

COMMAND_PHASE: Final = "run"
"""The only phase of a command crew that names none. It receives only the plain inputs."""

QUESTION_CHECKPOINT: Final = "question"
"""The name of the checkpoints at which a flow asks a question."""


FLOW: Final = "flow"
"""The kind of a crew that runs methods instead of tasks."""


class BadMessage(Exception):
    """The data on the pipe is not one of the messages below."""


@dataclass(frozen=True, slots=True)
class Job:
    """One phase to run or, with `only_check`, a crew to build and describe.

    Without `phases`, the child first describes the crew and waits for Phases; with `first`, it
    also does so if the crew adds phases or checkpoints to those in crews.yml. `pauses` are the
    phases that end at a checkpoint. `previous`, `feedback` and `revise` belong to a revision; an
    empty `revise` means every task. `resume` continues a paused flow. `lessons` are the rules of
    the crew's reviewers. `model` are the variables that choose the model, `extra` those that the
    operator passes on. `storage` is a directory that exists as long as the job. `approve_tools`,
    `budget` (with what was `spent` before and how often it was raised) and `model_calls` are the
    limits that the child enforces. `allowed` are the keys of calls that were allowed in earlier
    runs of the phase and may already have been made, and those that earlier runs sent as StepDone.
    `withheld` identifies what the bot keeps from the crew.

    `project` is the folder in which the crew works, and `origin` the project that it is a copy of.
    `form_values` are those of the inputs that reviewers filled in at earlier checkpoints.
    `crew_inputs` are the inputs that crews.yml describes. `skipped` are earlier phases that nobody
    approved. `gates_after` and `gates_before` name methods of a flow at which crews.yml asks a
    person. `cut_after` and `cut_before` name tasks after and before which a crew without `phases`
    is cut into phases.
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
    project: str | None = None
    origin: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    form_values: Mapping[str, Any] = field(default_factory=dict)
    crew_inputs: tuple[CrewInput, ...] = ()
    skipped: tuple[str, ...] = ()
    gates_after: tuple[str, ...] = ()
    gates_before: tuple[str, ...] = ()
    cut_after: tuple[str, ...] = ()
    cut_before: tuple[str, ...] = ()
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
    withheld: Withheld = field(default_factory=Withheld)
    allowed: tuple[str, ...] = ()
    only_check: bool = False
    message: Literal["job"] = "job"

    @property
    def revising(self) -> bool:
        return bool(self.feedback) and self.previous is not None


@dataclass(frozen=True, slots=True)
class Phases:
    """The worker's reply to CrewDescription: the stored phases and the one to run."""

    phases: tuple[PhaseDefinition, ...]
    phase: str
    pauses: tuple[str, ...] = ()
    message: Literal["phases"] = "phases"


@dataclass(frozen=True, slots=True)
class Answer:
    """The worker's reply to QuestionAsked: the decision of a person or of the timeout.

    Continue means yes, revise means no with a reason, skip means go on without.
    """

    action: Action
    text: str = ""
    message: Literal["answer"] = "answer"


@dataclass(frozen=True, slots=True)
class Ready:
    """The child is ready to receive its job."""

    message: Literal["ready"] = "ready"


@dataclass(frozen=True, slots=True)
class CrewDescription:
    """A built crew: its phases and the pauses that its own code asks for.

    `checkpoints` come from its tasks: a name, the phase before it, a description. `gates` are the
    methods at which a flow pauses, `questions` whether it asks with `Flow.ask()`. The rest is as in
    `storage.definitions.Examination`.
    """

    phases: tuple[PhaseDefinition, ...]
    checkpoints: tuple[tuple[str, str, str], ...] = ()
    gates: tuple[str, ...] = ()
    questions: bool = False
    kind: str = ""
    steps: tuple[str, ...] = ()
    inputs: tuple[CrewInput, ...] = ()
    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    missing_keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    crewai: str = ""
    takes_any_input: bool = False
    message: Literal["crew_description"] = "crew_description"


@dataclass(frozen=True, slots=True)
class ProjectImports:
    """What building the crew imported that the fork server did not have.

    `packages` are installed modules, in order. `own` are the project's modules if its children can
    share them, and `path` what they need on `sys.path`. `dependent` are packages whose import
    depends on variables of the child.
    """

    packages: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    dependent: tuple[str, ...] = ()
    message: Literal["project_imports"] = "project_imports"


@dataclass(frozen=True, slots=True)
class TaskProgress:
    task: str
    agent: str
    state: Literal["waiting", "running", "done"]


@dataclass(frozen=True, slots=True)
class Step:
    """A task, a model call or the use of a tool that has ended. Times are seconds since 1970."""

    kind: Literal["task", "model", "tool"]
    name: str
    started: float
    ended: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The complete progress of the phase. `tool` is the tool in use, or empty.

    `usage` is what this child has used so far, and `steps` have ended since the last report.
    """

    tasks: tuple[TaskProgress, ...]
    tool: str = ""
    usage: Usage = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    message: Literal["progress"] = "progress"

    def as_json(self) -> dict[str, object]:
        """The form that StateManager.progress stores."""
        return {"tasks": [asdict(task) for task in self.tasks], "tool": self.tool}


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A person has to answer before the phase goes on. The worker replies with Answer."""

    question: Question
    message: Literal["question_asked"] = "question_asked"


@dataclass(frozen=True, slots=True)
class QuestionWithdrawn:
    """The crew no longer waits for the answer. The worker still replies with Answer: skip, or
    the decision that was made just before.
    """

    message: Literal["question_withdrawn"] = "question_withdrawn"


@dataclass(frozen=True, slots=True)
class StepDone:
    """The child did something that must not be repeated if the phase runs again.

    The worker stores the key and replies with Answer: continue.
    """

    key: str
    message: Literal["step_done"] = "step_done"


@dataclass(frozen=True, slots=True)
class Done:
    output: PhaseOutput
    message: Literal["done"] = "done"


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    message: Literal["failed"] = "failed"


FromChild: TypeAlias = (
    Ready
    | ProjectImports
    | CrewDescription
    | Progress
    | QuestionAsked
    | QuestionWithdrawn
    | StepDone
    | Done
    | Failed
)
FromWorker: TypeAlias = Job | Phases | Answer

_FROM_CHILD: TypeAdapter[FromChild] = TypeAdapter(
    Annotated[FromChild, Field(discriminator="message")]
)
_FROM_WORKER: TypeAdapter[FromWorker] = TypeAdapter(
    Annotated[FromWorker, Field(discriminator="message")]
)


_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def to_worker(message: FromChild) -> bytes:
    """Encode a message. Lone surrogates in a crew's texts become U+FFFD."""
    try:
        return _FROM_CHILD.dump_json(message)
    except PydanticSerializationError:  # UTF-8 cannot encode them
        return to_json(_without_surrogates(_FROM_CHILD.dump_python(message)))


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list | tuple):
        return [_without_surrogates(each) for each in value]
    if isinstance(value, dict):
        return {
            _without_surrogates(name): _without_surrogates(each) for name, each in value.items()
        }
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
