"""Events of executions, for streams and webhooks: what the rows of the audit log mean. Pure.

The audit log is the source: an event's `seq` is its row's, and rows become visible in the order of
their `seq`. So a reader that asks for what follows a `seq` misses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

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


@dataclass(frozen=True, slots=True)
class Event:
    """`status` is the execution's state once the event has happened.

    `data` is the rest, ids and fixed words only: `checkpoint_id`, `phase`, `action`, `actor`.
    """

    seq: int
    type: str
    execution_id: str
    at: datetime
    status: str
    channel: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)
