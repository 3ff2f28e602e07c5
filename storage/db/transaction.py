"""The transaction of one use case: its connection, its time, and the effects after the commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection

from storage.db import audit, message_statements, sql, webhook_statements
from storage.events import EVENT_TYPES, data_in, status_in
from storage.measurements import Measurement
from storage.ports import Dispatch, SharedClock, SlotReservation
from storage.records import Actor, Claim
from storage.states import ExecutionState
from storage.webhooks import GIVE_UP_AFTER, DeliveryState, WebhookPurpose


@dataclass(frozen=True, slots=True)
class _Job:
    """A phase run to dispatch."""

    phase_run_id: str
    not_before: datetime | None
    again: bool

    @property
    def is_plain(self) -> bool:
        return not self.again and self.not_before is None


@dataclass(frozen=True, slots=True)
class _ForWebhooks:
    """What the execution's webhooks with this purpose get."""

    execution_id: str
    purpose: WebhookPurpose
    type: str
    data: Mapping[str, object]


class Transaction:
    """One use case's transaction. After the commit, act on `queued` and `outbox_changed`.

    Use cases write by `sql.execute` with this `connection`. Jobs, messages and audit rows, which no
    use case reads back, are collected and written together by `flush`.

    All writes of the transaction use the same time, `now`. A use case sets `urgent` if a person
    waits for what follows: it is claimed at once if a worker of this process is free. `lease` is
    the duration of a claim's lease.
    """

    def __init__(
        self,
        connection: Connection,
        clock: SharedClock,
        dispatch: Dispatch,
        lease: timedelta,
    ) -> None:
        self.connection: Final = connection
        self.now: Final = clock.at(connection)
        self.lease: Final = lease
        self.urgent = False
        self.messages_released = 0
        self.webhooks_changed = False
        self._dispatch = dispatch
        self._slot: SlotReservation | None = None
        self._claim: Claim | None = None
        self._required: list[tuple[sql.Result, Exception]] | None = None
        self._jobs: list[_Job] = []
        self._log: list[audit.Entry] = []
        self.measurements: Final[list[Measurement]] = []
        self._states: dict[str, ExecutionState] = {}
        self._with_webhooks: set[str] = set()
        self._for_webhooks: list[_ForWebhooks] = []
        self._messages: dict[str, dict[str, Any]] = {}
        self._outdated: set[str] = set()

    @property
    def outbox_changed(self) -> bool:
        return bool(self._messages or self._outdated or self.messages_released)

    @property
    def has_events(self) -> bool:
        """Whether streams or webhooks have something to send."""
        return self.webhooks_changed or bool(self.events)

    @property
    def events(self) -> list[audit.Entry]:
        """The audit rows that are events of executions."""
        return [entry for entry in self._log if entry["event"] in EVENT_TYPES]

    @property
    def queued(self) -> list[str]:
        return [job.phase_run_id for job in self._jobs]

    def require(self, result: sql.Result, refusal: Exception) -> None:
        """Raise if the statement changed nothing: at once, or at the end of a `pipeline`."""
        if self._required is not None:
            self._required.append((result, refusal))
        elif result.changed == 0:
            raise refusal

    @contextmanager
    def pipeline(self) -> Iterator[None]:
        """Send the statements of the block together, then check their requirements."""
        required = self._required = []
        try:
            with sql.pipeline(self.connection):
                yield
        finally:
            self._required = None
        for result, refusal in required:
            self.require(result, refusal)

    def dispatch(
        self, phase_run_id: str, *, not_before: datetime | None = None, again: bool = False
    ) -> None:
        """Dispatch a phase run: enqueue it in this transaction, and wake a worker after the commit.

        `again`: it was dispatched before.
        """
        self._jobs.append(_Job(phase_run_id, not_before, again))

    def reserve_slot(self) -> SlotReservation | None:
        """Reserve a free slot for the phase run that this transaction queues, at most one."""
        if not self.urgent or self._slot is not None:
            return None
        self._slot = self._dispatch.reserve_slot()
        return self._slot

    def assign_slot(self, claim: Claim) -> None:
        """Set the claim that the reserved slot will run after the commit."""
        self._claim = claim

    def run_in_slot(self) -> None:
        """Run the claim in the reserved slot. Call it after the commit."""
        if self._slot is not None and self._claim is not None:
            self._slot.run(self._claim)
            self._slot = None
        self.release_slot()

    def release_slot(self) -> None:
        """Release the reserved slot if it was not used."""
        if self._slot is not None:
            self._slot.release()
            self._slot = None

    def audit(
        self,
        execution_id: str,
        event: str,
        *,
        actor: Actor | None = None,
        **details: object,
    ) -> None:
        """Add a row to the audit log. Ids and fixed words only, no texts of users or models."""
        self._log.append(
            audit.entry(
                at=self.now, execution_id=execution_id, event=event, actor=actor, details=details
            )
        )

    def audit_redacted(self, execution_id: str, seqs: Sequence[int]) -> None:
        """Record which rows of the audit log were emptied in this transaction."""
        for some in audit.batched(seqs, audit.ROWS_AT_ONCE):
            self.audit(execution_id, audit.REDACTED, seqs=some)

    def set_state(
        self, execution_id: str, state: ExecutionState, *, has_webhooks: bool = False
    ) -> None:
        """Note an execution's new state: the audit rows that are events record the last one.

        If it has webhooks, these events are queued for them.
        """
        self._states[execution_id] = state
        if has_webhooks:
            self._with_webhooks.add(execution_id)

    def queue_webhooks(
        self,
        execution_id: str,
        purpose: WebhookPurpose,
        *,
        type: str,
        data: Mapping[str, object],
    ) -> None:
        """Queue a delivery for each of the execution's webhooks that have this purpose."""
        self.webhooks_changed = True
        self._for_webhooks.append(_ForWebhooks(execution_id, purpose, type, data))

    def measure(self, measurement: Measurement) -> None:
        """Note a value for monitoring; it counts once the transaction has committed."""
        self.measurements.append(measurement)

    def add_message(self, message: dict[str, Any]) -> None:
        """Add a row to the outbox; the first one of each key counts."""
        self._messages.setdefault(message["key"], message)

    def refresh_message(self, key: str) -> None:
        """Let the message with this key be updated: what it shows has changed."""
        self._outdated.add(key)

    def flush(self) -> None:
        """Write the jobs, the messages and the audit rows, right before the commit.

        The audit rows come last, as all other writers of the log wait from then on.
        """
        self._enqueue()
        if not (self.outbox_changed or self._log or self._for_webhooks):
            return
        self._record_states()
        deliveries = self._webhook_deliveries()
        with sql.pipeline(self.connection):
            if deliveries:
                sql.execute_many(
                    self.connection, webhook_statements.ADD_WEBHOOK_DELIVERY, deliveries
                )
            self._refresh_messages()
            if self._messages:
                sql.execute_many(
                    self.connection, message_statements.ADD_MESSAGE, [*self._messages.values()]
                )
            if self._log:
                audit.append(self.connection, self._log)

    def _record_states(self) -> None:
        for entry in self._log:
            state = self._states.get(entry["execution_id"])
            if state is not None and entry["event"] in EVENT_TYPES:
                entry["details"]["status"] = state.value

    def _webhook_deliveries(self) -> list[dict[str, Any]]:
        """The rows for webhooks. One query, and only if the executions have any."""
        for entry in self._log:
            if entry["event"] in EVENT_TYPES and entry["execution_id"] in self._with_webhooks:
                details = entry["details"]
                status = status_in(entry["event"], details)
                self.queue_webhooks(
                    entry["execution_id"],
                    WebhookPurpose.EVENTS,
                    type=EVENT_TYPES[entry["event"]],
                    data={"status": status, **data_in(details, entry["actor"])},
                )
        if not self._for_webhooks:
            return []
        of = {"of_executions": sorted({each.execution_id for each in self._for_webhooks})}
        webhooks = sql.execute(self.connection, webhook_statements.WEBHOOKS_OF, of).rows
        return [
            {
                "id": new_id(),
                "webhook_id": webhook.id,
                "execution_id": each.execution_id,
                "host": webhook.host,
                "type": each.type,
                "data": each.data,
                "state": DeliveryState.QUEUED,
                "attempts": 0,
                "created_at": self.now,
                "not_before": self.now,
                "give_up_at": self.now + GIVE_UP_AFTER,
            }
            for each in self._for_webhooks
            for webhook in webhooks
            if (webhook.execution_id, webhook.purpose) == (each.execution_id, each.purpose)
        ]

    def _enqueue(self) -> None:
        plain = [job.phase_run_id for job in self._jobs if job.is_plain]
        if len(plain) > 1:
            self._dispatch.enqueue_all(self.connection, plain)
        for job in self._jobs:
            if not job.is_plain or len(plain) == 1:
                self._dispatch.enqueue(
                    self.connection,
                    job.phase_run_id,
                    not_before=job.not_before,
                    again=job.again,
                )

    def _refresh_messages(self) -> None:
        """Update root messages before the others, in the deliverer's order.

        Two writers that lock rows in the same order cannot deadlock.
        """
        keys = sorted(self._outdated, reverse=True)
        if len(keys) > _MESSAGES_PER_EXECUTION and self.connection.dialect.name == "postgresql":
            sql.execute(self.connection, message_statements.LOCK_MESSAGES, {"of_keys": keys})
        if keys:
            sql.execute_many(
                self.connection,
                message_statements.BUMP_MESSAGE_VERSION,
                [{"of_key": key} for key in keys],
            )


_MESSAGES_PER_EXECUTION: Final = 2
"""The root message and a checkpoint's. With several executions, the order of the keys is not the
order of the rows."""


def new_id() -> str:
    return str(uuid4())
