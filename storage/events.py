"""Events of executions, for streams and webhooks: what the rows of the audit log mean. Pure.

The audit log is the source: an event's `seq` is its row's, and rows become visible in the order of
their `seq`. So a reader that asks for what follows a `seq` misses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from storage.records import Actor
from storage.states import ExecutionState

EVENT_TYPES: Final[Mapping[str, str]] = {
    "execution.started": "execution.started",
    "phase.claimed": "phase.started",
    "checkpoint.opened": "checkpoint.waiting",
    "checkpoint.decided": "checkpoint.decided",
    "checkpoint.expired": "checkpoint.decided",
    "execution.completed": "execution.completed",
    "execution.stopped": "execution.stopped",
    "execution.failed": "execution.error",
    "execution.cancelled": "execution.cancelled",
}
"""The type of the event that a row of the audit log stands for; other rows are no events."""

LAST_TYPES: Final = frozenset({"execution.completed", "execution.stopped", "execution.cancelled"})
"""The last event of every execution is of one of these types. An error may be retried."""

_FIELD_NAMES: Final[Mapping[str, str]] = {
    "checkpoint": "checkpoint_id",
    "name": "checkpoint_name",
    "phase": "phase",
    "revision": "revision",
    "kind": "kind",
    "action": "action",
    "effect": "action",
    "crew": "crew",
}
"""The details of an audit row that its event shows, and what they are called there."""

_USUAL_STATUS: Final[Mapping[str, ExecutionState]] = {
    "execution.started": ExecutionState.PENDING,
    "phase.claimed": ExecutionState.RUNNING,
    "checkpoint.opened": ExecutionState.WAITING_FEEDBACK,
    "checkpoint.decided": ExecutionState.RUNNING,
    "checkpoint.expired": ExecutionState.RUNNING,
    "execution.completed": ExecutionState.COMPLETED,
    "execution.stopped": ExecutionState.STOPPED,
    "execution.failed": ExecutionState.ERROR,
    "execution.cancelled": ExecutionState.CANCELLED,
}
"""For rows that an older version wrote, without the status."""


@dataclass(frozen=True, slots=True)
class Event:
    """`status` is the execution's state once the event has happened.

    `data` is the rest, ids and fixed words only: `checkpoint_id`, `phase`, `action`, `actor`.
    `requester` is the key of whoever started the execution: `slack:U123`.
    """

    seq: int
    type: str
    execution_id: str
    at: datetime
    status: str
    channel: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)
    requester: str | None = None

    @property
    def is_last(self) -> bool:
        """Whether the execution has ended with it."""
        return self.type in LAST_TYPES


def status_in(name: str, details: Mapping[str, object]) -> str:
    """The status of the event that an audit row with this name and these details stands for."""
    return str(details.get("status") or _USUAL_STATUS[name])


def data_in(details: Mapping[str, object], actor: Actor | None) -> dict[str, object]:
    """The `data` of the event that an audit row with these details stands for."""
    data = {_FIELD_NAMES[name]: details[name] for name in details if name in _FIELD_NAMES}
    if actor is not None:
        data["actor"] = actor.name or actor.id
    return data
