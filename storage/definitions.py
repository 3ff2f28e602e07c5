"""The contents of crews.yml as frozen records; each execution gets a copy when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A JSON value."""

RESERVED_NAMES: Final = (
    *("help", "list", "status", "cancel", "stop", "retry", "lessons", "inbox", "board"),
)
"""Subcommands of `/crew`: no crew may have one of these names."""


class OnTimeout(StrEnum):
    """What happens if the deadline passes without a decision."""

    STOP = "stop"
    CONTINUE = "continue"
    SKIP = "skip"
    FAIL = "fail"


class CrewKind(StrEnum):
    CREW = "crew"  # `crew:` names a Python object: a crew or a flow
    COMMAND = "command"  # `command:` names a program


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Who may decide, until when, and what happens then.

    `approvers` holds `@requester`, `@channel`, Slack user ids (U…, W…) and user groups (S…).
    """

    approvers: tuple[str, ...]
    except_requester: bool = False
    timeout: timedelta | None = None
    on_timeout: OnTimeout = OnTimeout.STOP


class InputType(StrEnum):
    """The kind of value that an input takes; JSON is an object or a list."""

    TEXT = "text"
    NUMBER = "number"
    YES_NO = "yes_no"
    CHOICE = "choice"
    DATE = "date"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class CrewInput:
    """An input of a crew, as it was learned from the crew or as crews.yml describes it.

    `default` is used if nothing is said; None means that there is none. `value` is set by crews.yml
    and is never asked for. `required` is None if nobody said so.
    """

    name: str
    type: InputType = InputType.TEXT
    label: str = ""
    default: Json = None
    value: Json = None
    choices: tuple[str, ...] = ()
    required: bool | None = None


class Workspace(StrEnum):
    """Where a crew with a project works."""

    COPY = "copy"  # each execution has a copy of the project's folder
    SHARED = "shared"  # all work in the project's own folder


@dataclass(frozen=True, slots=True)
class PhaseDefinition:
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FormField:
    """A value that the reviewer gives with Continue, and that later phases get as an input.

    `min` and `max` limit a number. `type` is never JSON.
    """

    name: str
    label: str
    type: InputType = InputType.TEXT
    required: bool = True
    choices: tuple[str, ...] = ()
    min: float | None = None
    max: float | None = None


@dataclass(frozen=True, slots=True)
class CheckpointDefinition:
    """A pause at a boundary: either `after` or `before` names a phase.

    If neither is set, the checkpoint arises inside the crew and is named after the gate, tool or
    question that causes it. `summary` names the task, or the field of a typed output, that sums the
    output up. `form` are the fields that the reviewer fills in to continue.
    """

    name: str
    rule: DecisionRule
    after: str | None = None
    before: str | None = None
    description: str = ""
    summary: str = ""
    form: tuple[FormField, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """What an execution may use before a person is asked whether it may continue; None: no limit.

    Each approval allows the same amount again. `dollars` counts only models with a known price.
    """

    tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a crew; None: unlimited. Exceeding one always leads to a readable message.

    `model_calls`, `output_bytes` and `memory_megabytes` apply to one try of a phase, `revisions`
    to the checkpoint of one phase. `at_once` limits the crew's active executions, `per_person`
    those of one requester.
    """

    model_calls: int | None = None
    output_bytes: int | None = None
    memory_megabytes: int | None = None
    revisions: int | None = None
    at_once: int | None = None
    per_person: int | None = None
    starts_per_hour: int | None = None


@dataclass(frozen=True, slots=True)
class CrewDefinition:
    """A validated entry of crews.yml. Each execution gets a copy when it starts.

    `project` is the absolute path of the crew's own folder; `target` and `python` are found there
    if crews.yml does not name them. `inputs` are those that crews.yml describes. `revise` is False
    for a crew that cannot use a reviewer's words.

    `phases` is empty if the file names none: the crew then describes itself when it first runs.
    `rule` is the crew's default, also for checkpoints that arise inside it; `gates` has the rules
    for single ones of those, by name. `model` overrides the crew's own models. Calls to
    `approve_tools` wait for a person. `lessons`: whether revisions may become lessons.
    """

    name: str
    kind: CrewKind
    description: str = ""
    target: str | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    python: str | None = None
    workspace: Workspace = Workspace.COPY
    inputs: tuple[CrewInput, ...] = ()
    revise: bool = True
    phases: tuple[PhaseDefinition, ...] = ()
    checkpoints: tuple[CheckpointDefinition, ...] = ()
    gates: tuple[CheckpointDefinition, ...] = ()
    rule: DecisionRule | None = None
    tries: int = 3
    time_limit: timedelta = timedelta(minutes=30)
    model: str | None = None
    approve_tools: tuple[str, ...] = ()
    budget: Budget = Budget()
    limits: Limits = Limits()
    lessons: bool = False


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The operator's settings for model providers. With none, the offline drafter is used.

    A base URL that is not set defaults to the provider's own. `google_api_key` may be meant for a
    tool, so it is used only if the model is explicitly one of Gemini's. `other_base_url` is for a
    provider that only CrewAI knows.

    `origins` says for each field which variable has set it. `environment` has the variables of the
    real environment, without those of `.env`, whose absolute path is `env_file`.
    """

    openai_api_key: str | None = None
    openai_base_url: str | None = None
    openai_model: str | None = None
    openrouter_api_key: str | None = None
    openrouter_base_url: str | None = None
    anthropic_api_key: str | None = None
    anthropic_base_url: str | None = None
    gemini_api_key: str | None = None
    google_api_key: str | None = None
    gemini_base_url: str | None = None
    ollama_host: str | None = None
    other_base_url: str | None = None
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    environment: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    env_file: str | None = field(default=None, compare=False)

    @property
    def gemini_key(self) -> str | None:
        return self.gemini_api_key or self.google_api_key


@dataclass(frozen=True, slots=True)
class Examination:
    """What was learned about a crew when it was built.

    `kind`: crew, flow or program. `steps` are its tasks, or a flow's methods, in order. `models`
    are the names that its agents use, `missing_keys` the variables that these need and that are not
    set. `pauses` are the places at which a person is asked: checkpoints, gates and tools.
    `notes` are sentences for the author and the operator. `crewai` is the version in the crew's
    environment. `takes_any_input`: the crew's own code sees all inputs (`before_kickoff`, a
    program, a flow whose state is a dictionary), so it may read others than those in `inputs`.
    """

    kind: str = ""
    steps: tuple[str, ...] = ()
    inputs: tuple[CrewInput, ...] = ()
    agents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    missing_keys: tuple[str, ...] = ()
    pauses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    crewai: str = ""
    takes_any_input: bool = False


@dataclass(frozen=True, slots=True)
class CrewReport:
    """The result of building a crew in a child: its phases, or a description of the problem."""

    crew: str
    problem: str | None
    phases: tuple[str, ...]
    checked_at: datetime
    examination: Examination = Examination()
