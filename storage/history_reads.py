"""Lists of executions, and the audit trail of one, page by page. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Select, and_, bindparam, or_, select, tuple_

from storage.db import sql, statements
from storage.db.database import reading
from storage.db.rows import to_execution
from storage.db.tables import (
    CHECKPOINT_IS_PENDING,
    EXECUTION_IS_OPEN,
    audit,
    checkpoints,
    executions,
)
from storage.messages import OutboxKind
from storage.records import Actor, Execution
from storage.states import ENDED, ExecutionState
from storage.use_cases.limits import key_of
from storage.waiting_reads import permalinks

_TRAIL: Final = (
    select(audit)
    .where(audit.c.execution_id == bindparam("of_execution"), audit.c.seq > bindparam("of_seq"))
    .order_by(audit.c.seq)
    .limit(bindparam("most"))
)

_WAITING: Final = select(
    checkpoints.c.execution_id, checkpoints.c.id, checkpoints.c.name, checkpoints.c.deadline
).where(CHECKPOINT_IS_PENDING, checkpoints.c.execution_id.in_(bindparam("of_ids", expanding=True)))


@dataclass(frozen=True, slots=True)
class Visible:
    """Whose executions are listed: those in these channels, and those that `person` asked for."""

    channels: frozenset[str]
    person: Actor


@dataclass(frozen=True, slots=True)
class ExecutionFilter:
    """What a list is limited to. `visible` None: all."""

    states: frozenset[ExecutionState] = frozenset()
    crew: str | None = None
    requester: str | None = None
    channel: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    visible: Visible | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this execution, in the order newest first."""

    created_at: datetime
    execution_id: str


@dataclass(frozen=True, slots=True)
class WaitingAt:
    checkpoint_id: str
    name: str
    deadline: datetime | None


@dataclass(frozen=True, slots=True)
class ListedExecution:
    """`permalink` is the address of its thread, once it is known."""

    execution: Execution
    waiting: WaitingAt | None
    permalink: str | None


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit log. `digest` and `hash` are None before the chain began."""

    seq: int
    at: datetime
    execution_id: str
    event: str
    actor: Actor | None
    details: Mapping[str, object]
    digest: str | None
    hash: str | None


class HistoryReads:
    _engine: Engine

    def executions_page(
        self, wanted: ExecutionFilter, *, after: Place | None, limit: int
    ) -> tuple[ListedExecution, ...]:
        """Return the executions after this place, newest first."""
        query = _filtered(wanted)
        if after is not None:
            place = (after.created_at, after.execution_id)
            query = query.where(tuple_(executions.c.created_at, executions.c.id) < tuple_(*place))
        query = query.order_by(executions.c.created_at.desc(), executions.c.id.desc()).limit(limit)
        with reading(self._engine) as connection:
            found = [to_execution(row) for row in connection.execute(query)]
            of_ids = {"of_ids": [each.id for each in found]}
            waiting = sql.execute(connection, _WAITING, of_ids).rows if found else []
            links = permalinks(connection, [_root_of(each.id) for each in found])
        waits = {row.execution_id: WaitingAt(row.id, row.name, row.deadline) for row in waiting}
        return tuple(
            ListedExecution(each, waits.get(each.id), links.get(_root_of(each.id)))
            for each in found
        )

    def permalink(self, execution_id: str) -> str | None:
        """Return the address of the execution's thread, if it has one and Slack has told it."""
        with reading(self._engine) as connection:
            return permalinks(connection, [_root_of(execution_id)]).get(_root_of(execution_id))

    def audit_trail(self, execution_id: str, *, after: int, limit: int) -> tuple[AuditRow, ...]:
        """Return what follows this `seq` in the audit log of one execution, oldest first."""
        values = {"of_execution": execution_id, "of_seq": after, "most": limit}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _TRAIL, values).rows
        return tuple(
            AuditRow(
                row.seq,
                row.at,
                row.execution_id,
                row.event,
                row.actor,
                row.details,
                row.digest,
                row.hash,
            )
            for row in rows
        )


def _root_of(execution_id: str) -> str:
    """Return the key of the first message in the execution's thread."""
    return f"{OutboxKind.ROOT.value}:{execution_id}"


def _filtered(wanted: ExecutionFilter) -> Select[Any]:
    query = select(*statements.EXECUTION_COLUMNS)
    if wanted.states:
        query = query.where(executions.c.state.in_(sorted(wanted.states)))
        if ENDED.isdisjoint(wanted.states):
            query = query.where(EXECUTION_IS_OPEN)  # the condition of an index
    if wanted.crew is not None:
        query = query.where(executions.c.crew == wanted.crew)
    if wanted.requester is not None:
        query = query.where(executions.c.requester_key.in_(_keys(wanted.requester)))
    if wanted.channel is not None:
        query = query.where(executions.c.channel == wanted.channel)
    if wanted.created_after is not None:
        query = query.where(executions.c.created_at > wanted.created_after)
    if wanted.created_before is not None:
        query = query.where(executions.c.created_at < wanted.created_before)
    if wanted.visible is not None:
        own = executions.c.requester_key == key_of(wanted.visible.person)
        there = executions.c.channel.in_(sorted(wanted.visible.channels))
        query = query.where(or_(own, and_(executions.c.channel.is_not(None), there)))
    return query


def _keys(requester: str) -> Collection[str]:
    """A requester may be a Slack user or an API token; their ids do not look alike."""
    return [f"slack:{requester}", f"api:{requester}"]
