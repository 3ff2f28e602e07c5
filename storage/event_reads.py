"""Queries of the audit log as events. Nothing here writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Select, bindparam, func, select

from storage.db import sql
from storage.db.database import reading
from storage.db.rows import AnyRow
from storage.db.tables import audit, executions
from storage.events import EVENT_TYPES, Event, data_in, status_in

_ROWS: Final[Select[Any]] = (
    select(
        audit.c.seq,
        audit.c.at,
        audit.c.execution_id,
        audit.c.event,
        audit.c.actor,
        audit.c.details,
        executions.c.channel,
        executions.c.requester_key,
    )
    .select_from(audit.outerjoin(executions, executions.c.id == audit.c.execution_id))
    .where(audit.c.seq > bindparam("of_seq"))
    .order_by(audit.c.seq)
    .limit(bindparam("most"))
)

_EVENTS: Final = _ROWS.where(audit.c.event.in_(sorted(EVENT_TYPES)))

_EVENTS_OF_EXECUTION: Final = _EVENTS.where(audit.c.execution_id == bindparam("of_execution"))

_LAST_SEQ: Final = select(func.max(audit.c.seq))


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows of the audit log: the events among them, the executions that any row is about, and the
    `seq` of the last row."""

    events: tuple[Event, ...]
    execution_ids: frozenset[str]
    last_seq: int
    is_full: bool


class EventReads:
    _engine: Engine

    def events_after(
        self, seq: int, limit: int, *, execution_id: str | None = None
    ) -> Sequence[Event]:
        """Return the events that follow `seq`, of all executions or of one, oldest first."""
        values: dict[str, object] = {"of_seq": seq, "most": limit}
        query = _EVENTS
        if execution_id is not None:
            query, values["of_execution"] = _EVENTS_OF_EXECUTION, execution_id
        with reading(self._engine) as connection:
            return tuple(map(_to_event, sql.execute(connection, query, values).rows))

    def log_after(self, seq: int, limit: int) -> LogPage:
        """Return what follows `seq` in the audit log, including rows that are no events."""
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _ROWS, {"of_seq": seq, "most": limit}).rows
        return LogPage(
            events=tuple(_to_event(row) for row in rows if row.event in EVENT_TYPES),
            execution_ids=frozenset(row.execution_id for row in rows),
            last_seq=rows[-1].seq if rows else seq,
            is_full=len(rows) == limit,
        )

    def last_seq(self) -> int:
        """Return the `seq` of the newest row of the audit log; 0 if there is none."""
        with reading(self._engine) as connection:
            return sql.execute(connection, _LAST_SEQ).scalar() or 0


def _to_event(row: AnyRow) -> Event:
    return Event(
        seq=row.seq,
        type=EVENT_TYPES[row.event],
        execution_id=row.execution_id,
        at=row.at,
        status=status_in(row.event, row.details),
        channel=row.channel,
        data=data_in(row.details, row.actor),
        requester=row.requester_key,
    )
