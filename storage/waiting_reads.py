"""What waits for one person, and what happened to them lately, over all channels.

Who may decide a checkpoint is not known to SQL, so each query returns candidates in an order and
up to a limit, and callers ask the policy. Nothing here writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, literal_column, select

from storage.db import sql, statements
from storage.db.database import reading
from storage.db.rows import AnyRow, to_checkpoint, to_execution, to_joined_execution
from storage.db.tables import (
    CHECKPOINT_IS_DECIDED,
    CHECKPOINT_IS_PENDING,
    checkpoints,
    executions,
    outbox,
)
from storage.definitions import DecisionRule
from storage.messages import OutboxKind
from storage.records import Actor, Checkpoint, Execution
from storage.states import ExecutionState
from storage.use_cases.limits import key_of

_BRIEF: Final[Select[Any]] = select(
    checkpoints.c.id,
    checkpoints.c.rule,
    checkpoints.c.deadline,
    executions.c.requester,
    executions.c.channel,
).join(executions, executions.c.id == checkpoints.c.execution_id)

_WAITING: Final = _BRIEF.where(
    CHECKPOINT_IS_PENDING,
    executions.c.state == literal_column(f"'{ExecutionState.WAITING_FEEDBACK.value}'"),
)

WAITING_WITH_DEADLINE: Final = (
    _WAITING.where(checkpoints.c.deadline.is_not(None))
    .order_by(checkpoints.c.deadline)
    .limit(bindparam("most"))
)

WAITING_WITHOUT_DEADLINE: Final = _WAITING.where(checkpoints.c.deadline.is_(None)).limit(
    bindparam("most")
)

DECIDED: Final = (
    _BRIEF.where(CHECKPOINT_IS_DECIDED)
    .order_by(checkpoints.c.decided_at.desc())
    .limit(bindparam("most"))
    .add_columns(checkpoints.c.actor)
)

RUNS_OF_REQUESTER: Final = (
    select(*statements.EXECUTION_COLUMNS)
    .where(executions.c.requester_key == bindparam("of_requester"))
    .order_by(executions.c.created_at.desc())
    .limit(bindparam("most"))
)

_ENTRIES: Final = (
    statements.CHECKPOINTS.add_columns(*statements.JOINED_EXECUTION)
    .join(executions, executions.c.id == checkpoints.c.execution_id)
    .where(checkpoints.c.id.in_(bindparam("of_ids", expanding=True)))
)

_PERMALINKS: Final = select(outbox.c.key, outbox.c.permalink).where(
    outbox.c.key.in_(bindparam("of_keys", expanding=True)), outbox.c.permalink.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A checkpoint without its output: enough to ask who may decide it.

    `decided_by` is set once it is decided.
    """

    checkpoint_id: str
    rule: DecisionRule
    deadline: datetime | None
    requester: Actor
    channel: str | None
    decided_by: Actor | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A checkpoint as a list shows it. `permalink` is its card's address, once it is known."""

    checkpoint: Checkpoint
    execution: Execution
    permalink: str | None = None


class ListReads:
    """Each method reads one consistent snapshot. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def waiting(self, *, limit: int) -> tuple[Candidate, ...]:
        """Return the checkpoints that wait, the nearest deadline first, those without one last."""
        with reading(self._engine) as connection:
            rows = sql.execute(connection, WAITING_WITH_DEADLINE, {"most": limit}).rows
            if len(rows) < limit:
                rest = {"most": limit - len(rows)}
                rows = [*rows, *sql.execute(connection, WAITING_WITHOUT_DEADLINE, rest).rows]
        return tuple(map(_to_candidate, rows))

    def decided(self, *, limit: int) -> tuple[Candidate, ...]:
        """Return the checkpoints that were decided last, newest first."""
        with reading(self._engine) as connection:
            rows = sql.execute(connection, DECIDED, {"most": limit}).rows
        return tuple(_to_candidate(row, decided_by=row.actor) for row in rows)

    def entries(self, checkpoint_ids: Sequence[str]) -> tuple[Entry, ...]:
        """Return these checkpoints in this order, without those that are gone."""
        if not checkpoint_ids:
            return ()
        keys = {each: f"{OutboxKind.CHECKPOINT.value}:{each}" for each in checkpoint_ids}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _ENTRIES, {"of_ids": [*checkpoint_ids]}).rows
            links = permalinks(connection, [*keys.values()])
        by_id = {
            row.id: Entry(to_checkpoint(row), to_joined_execution(row), links.get(keys[row.id]))
            for row in rows
        }
        return tuple(by_id[each] for each in checkpoint_ids if each in by_id)

    def runs_of(self, requester: Actor, *, limit: int) -> tuple[tuple[Execution, str | None], ...]:
        """Return the newest runs that somebody asked for, with the addresses of their threads."""
        values = {"of_requester": key_of(requester), "most": limit}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, RUNS_OF_REQUESTER, values).rows
            runs = [to_execution(row) for row in rows]
            keys = {each.id: f"{OutboxKind.ROOT.value}:{each.id}" for each in runs}
            links = permalinks(connection, [*keys.values()])
        return tuple((each, links.get(keys[each.id])) for each in runs)


def permalinks(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the addresses of messages, by the key of their row."""
    if not keys:
        return {}
    rows = sql.execute(connection, _PERMALINKS, {"of_keys": [*keys]}).rows
    return {row.key: row.permalink for row in rows}


def _to_candidate(row: AnyRow, decided_by: Actor | None = None) -> Candidate:
    return Candidate(
        checkpoint_id=row.id,
        rule=row.rule,
        deadline=row.deadline,
        requester=row.requester,
        channel=row.channel,
        decided_by=decided_by,
    )
