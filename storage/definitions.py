"""What crews.yml says, validated: frozen records, copied into each execution at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

RESERVED_NAMES: Final = ("help", "list", "status", "cancel", "retry", "lessons")
"""First words of `/crew` that are commands: no crew may have one as its name."""


class OnTimeout(StrEnum):
    """What a deadline does that passes without a decision."""

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


@dataclass(frozen=True, slots=True)
class PhaseDefinition:
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckpointDefinition:
    """A pause at a boundary: one of `after` and `before` names a phase.

    Without both it is one that arises inside the crew and bears the name of what brings it.
    """

    name: str
    rule: DecisionRule
    after: str | None = None
    before: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What an execution may use before a person is asked whether it may go on; None: as it likes.

    Each yes allows as much again. `dollars` counts the models whose price is known.
    """

    tokens: int | None = None
    dollars: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a crew; None: unbounded. Each ends in words, none in silence.

    `model_calls`, `output_bytes` and `memory_megabytes` are of one try of a phase, `revisions`
    of one phase's checkpoint, `at_once` of the crew, `per_person` of one requester's executions
    of the crew at once.
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
    """An entry of crews.yml, validated. Copied into each execution at its start.

    `phases` is empty where the file names none: then the crew describes itself when it first
    runs. `rule` is the crew's own default, also for checkpoints that arise inside it.
    `gates` are the rules that crews.yml has for single ones of those, by their names. `model`
    stands over every model of the crew's own. Calls of `approve_tools` wait for a person.
    `lessons`: whether revisions may become standing lessons.
    """

    name: str
    kind: CrewKind
    description: str = ""
    target: str | None = None
    command: tuple[str, ...] = ()
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
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
    """What the operator sets about model providers. Nothing set: the offline drafter.

    An address that is not set is the provider's own. `google_api_key` may be meant for a tool: it
    counts only for a model that is named as Gemini's.
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

    @property
    def gemini_key(self) -> str | None:
        return self.gemini_api_key or self.google_api_key


@dataclass(frozen=True, slots=True)
class CrewReport:
    """What a child found when it built the crew: its phases, or the problem in words."""

    crew: str
    problem: str | None
    phases: tuple[str, ...]
    checked_at: datetime
