"""The contents of crews.yml as frozen records; each execution gets a copy when it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

RESERVED_NAMES: Final = ("help", "list", "status", "cancel", "retry", "lessons")
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


@dataclass(frozen=True, slots=True)
class PhaseDefinition:
    name: str
    tasks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckpointDefinition:
    """A pause at a boundary: either `after` or `before` names a phase.

    If neither is set, the checkpoint arises inside the crew and is named after the gate, tool or
    question that causes it.
    """

    name: str
    rule: DecisionRule
    after: str | None = None
    before: str | None = None
    description: str = ""


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
    tool, so it is used only if the model is explicitly one of Gemini's.
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
    """The result of building a crew in a child: its phases, or a description of the problem."""

    crew: str
    problem: str | None
    phases: tuple[str, ...]
    checked_at: datetime
