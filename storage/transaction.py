"""What one use case has in hand: the connection, the time, and what must follow the commit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection

from storage import audit
from storage.records import Actor


class Transaction:
    """One use case's transaction. `queued` and `outbox_changed` are acted on after the commit."""

    def __init__(
        self,
        connection: Connection,
        now: datetime,
        enqueue: Callable[[Connection, str], None],
    ) -> None:
        self.connection = connection
        self.now = now
        self.queued: list[str] = []
        self.outbox_changed = False
        self._enqueue = enqueue

    def dispatch(self, phase_run_id: str) -> None:
        """Hand a phase run to the workers' transport, now and again after the commit."""
        self._enqueue(self.connection, phase_run_id)
        self.queued.append(phase_run_id)

    def audit(
        self,
        execution_id: str,
        event: str,
        *,
        actor: Actor | None = None,
        **facts: object,
    ) -> None:
        """Add a row to the log of what happened. Ids and words of ours only, no texts."""
        audit.add(
            self.connection,
            at=self.now,
            execution_id=execution_id,
            event=event,
            actor=actor,
            facts=_present(facts),
        )


def _present(facts: Mapping[str, object]) -> dict[str, object]:
    return {name: fact for name, fact in facts.items() if fact is not None}


def new_id() -> str:
    return str(uuid4())
