"""Factories for tests: people, crews, outputs, and a clock that tests set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from storage.definitions import (
    CheckpointDefinition,
    CrewDefinition,
    CrewKind,
    DecisionRule,
    OnTimeout,
    PhaseDefinition,
)
from storage.records import Actor, ActorKind, PhaseOutput, Request, TaskResult

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def member(user_id: str, name: str = "", *, groups: Sequence[str] = ()) -> Actor:
    """A full member of the workspace, in the channel."""
    return Actor(
        ActorKind.SLACK,
        user_id,
        name or user_id.title(),
        channel_member=True,
        guest=False,
        external=False,
        groups=frozenset(groups),
        groups_known=True,
    )


ANA = member("UANA", "Ana")
BEN = member("UBEN", "Ben")
GUS = Actor(
    ActorKind.SLACK,
    "UGUS",
    "Gus",
    channel_member=True,
    guest=True,
    external=False,
    groups_known=True,
)


class SettableClock:
    """A clock that moves only when a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def at(self, _connection: Connection) -> datetime:
        return self._now

    def question(self, _connection: Connection) -> None:
        return None

    def move(self, by: timedelta) -> None:
        self._now += by


def rule(
    *approvers: str,
    except_requester: bool = False,
    timeout: timedelta | None = timedelta(hours=1),
    on_timeout: OnTimeout = OnTimeout.STOP,
) -> DecisionRule:
    return DecisionRule(
        approvers=approvers or ("@channel",),
        except_requester=except_requester,
        timeout=timeout,
        on_timeout=on_timeout,
    )


def crew(
    *,
    name: str = "plan",
    phases: Sequence[str] = ("planning", "analysis", "finalization"),
    after: Sequence[str] = ("planning", "analysis"),
    decided_by: DecisionRule | None = None,
    tries: int = 3,
) -> CrewDefinition:
    """A crew with a checkpoint `after_PHASE` after each phase named in `after`."""
    decided_by = decided_by or rule()
    return CrewDefinition(
        name=name,
        kind=CrewKind.CREW,
        description="A plan",
        target="some.where:Crew",
        phases=tuple(PhaseDefinition(phase, (f"{phase}_task",)) for phase in phases),
        checkpoints=tuple(
            CheckpointDefinition(
                name=f"after_{phase}",
                after=phase,
                rule=decided_by,
                description=f"Review the {phase}",
            )
            for phase in after
        ),
        rule=decided_by,
        tries=tries,
    )


def asking(text: str = "a summer campaign for a bicycle shop") -> Request:
    return Request(user_input=text, message=text)


def output(text: str, *, tasks: Sequence[str] = ()) -> PhaseOutput:
    """A phase's output: `text`, and a result for each named task."""
    return PhaseOutput(
        output=text,
        tasks=tuple(
            TaskResult(task=task, agent="Writer", output=f"{task}: {text}", saved={"raw": text})
            for task in tasks
        ),
    )
