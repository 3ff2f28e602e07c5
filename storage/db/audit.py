"""The audit log: a chain of rows, which are only ever added.

The database itself refuses updates and deletes, except that the actor and the details of a row may
be emptied. The chain's head is locked before rows are added, and nothing is locked after it. So the
order of `seq` is the order of commits, and writers cannot deadlock.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Connection,
    Dialect,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    cast,
    column,
    func,
    insert,
    null,
    select,
    table,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSON

from storage.audit_chain import GENESIS, ChainHead, digest, in_utc, row_hash
from storage.db import sql
from storage.db.columns import UtcDateTime
from storage.db.tables import audit, audit_chain
from storage.records import Actor, ActorKind

Entry: TypeAlias = dict[str, Any]

CHAIN: Final = "audit"
SALT_BYTES: Final = 16

STORED: Final = table(
    "audit",
    column("seq", Integer),
    column("at", UtcDateTime),
    column("execution_id", String),
    column("event", String),
    column("actor", Text),
    column("details", Text),
    column("salt", String),
    column("digest", String),
    column("hash", String),
)
"""The table with `actor` and `details` as they are stored: JSON texts."""

REDACTED: Final = "audit.redacted"
"""The event that records, as `seqs`, which rows of its execution were emptied."""

ROWS_AT_ONCE: Final = 500
"""Rows that are emptied by one statement, or named by one REDACTED row."""

_PEOPLE: Final = frozenset({ActorKind.SLACK, ActorKind.API})

EMPTIED: Final = (None, "{}", None)
"""The actor, the details and the salt of a row that was emptied."""

HEAD: Final[Select[Any]] = select(
    audit_chain.c.first_seq, audit_chain.c.last_seq, audit_chain.c.length, audit_chain.c.hash
).where(audit_chain.c.name == CHAIN)

_LOCKED: Final = HEAD.with_for_update().cte("head")

_LOCK_HEAD: Final[Mapping[str, Select[Any]]] = {
    "postgresql": select(_LOCKED, func.nextval("audit_seq_seq").label("seq")).join(
        func.generate_series(1, bindparam("rows", type_=Integer)), true()
    ),
    "sqlite": HEAD.add_columns(
        select(func.coalesce(func.max(audit.c.seq), 0)).scalar_subquery().label("seq")
    ),
}
"""The head with the numbers of the new rows: on PostgreSQL a row for each, from the sequence, as
processes of older versions take numbers there, too. On SQLite the last number that is in use."""

_MOVE_HEAD: Final = (
    update(audit_chain)
    .where(audit_chain.c.name == CHAIN)
    .values(
        first_seq=bindparam("first_seq", type_=Integer),
        last_seq=bindparam("last_seq", type_=Integer),
        length=bindparam("length", type_=Integer),
        hash=bindparam("last_hash", type_=String),
    )
)

_ADD_ROWS: Final = insert(STORED)

_NEW_ROWS: Final = (
    func.json_to_recordset(cast(bindparam("rows"), JSON))
    .table_valued(*(column(each.name, each.type) for each in STORED.c))
    .render_derived(name="new", with_types=True)
)
_ADD_ROWS_AND_MOVE_HEAD: Final = (
    insert(STORED)
    .from_select([each.name for each in STORED.c], select(*_NEW_ROWS.c))
    .add_cte(_MOVE_HEAD.cte("moved"))
)
"""On PostgreSQL: one statement with one value for all rows, as each costs as much as a row."""

_NEW_CHAIN: Final = {
    "name": CHAIN,
    "first_seq": 0,
    "last_seq": 0,
    "length": 0,
    "hash": GENESIS,
}
_BEGIN_CHAIN: Final = {
    "postgresql": postgresql.insert(audit_chain).on_conflict_do_nothing(),
    "sqlite": sqlite.insert(audit_chain).on_conflict_do_nothing(),
}


def entry(
    *,
    at: datetime,
    execution_id: str,
    event: str,
    actor: Actor | None,
    details: Mapping[str, object],
) -> Entry:
    """Return a row of the log, without the details that are None."""
    present = {name: value for name, value in details.items() if value is not None}
    return {
        "at": at,
        "execution_id": execution_id,
        "event": event,
        "actor": actor,
        "details": present,
    }


_ROWS_OF: Final[Select[Any]] = (
    select(audit.c.seq, audit.c.execution_id, audit.c.actor)
    .where(
        audit.c.execution_id.in_(bindparam("of_executions", expanding=True)),
        audit.c.actor.is_not(None),
        audit.c.event != REDACTED,
    )
    .order_by(audit.c.seq)
)

_EMPTY: Final = (
    update(STORED)
    .where(STORED.c.seq.in_(bindparam("of_seqs", expanding=True)))
    .values(actor=null(), details="{}", salt=null())
)


def erase_people(
    connection: Connection, execution_ids: Sequence[str], *, person: str | None = None
) -> dict[str, list[int]]:
    """Empty the rows in which people acted: their actor, their details and their salt.

    With `person`, only those of one person. The caller records the result, which is their `seq` by
    execution, in the same transaction, with the event REDACTED: otherwise the log is not intact.
    """
    rows = sql.execute(connection, _ROWS_OF, {"of_executions": [*execution_ids]}).rows
    seqs: dict[str, list[int]] = {}
    for row in rows:
        if row.actor.kind in _PEOPLE and person in (None, row.actor.id):
            seqs.setdefault(row.execution_id, []).append(row.seq)
    for some in batched([seq for each in seqs.values() for seq in each], ROWS_AT_ONCE):
        sql.execute(connection, _EMPTY, {"of_seqs": some})
    return seqs


def batched(seqs: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(seqs), size):
        yield [*seqs[start : start + size]]


class LockedHead:
    """The locked end of the chain. Lock it last in a transaction, and commit soon after.

    In a pipeline, the lock is requested together with the statements before it.
    """

    def __init__(self, connection: Connection, *, rows: int) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._rows = rows
        sql.send_delayed(connection)
        self._locked = self._lock()

    def append(self, entries: Sequence[Entry]) -> None:
        """Add as many rows as announced, in this order. They are sent with the commit."""
        head, seqs = self._head_and_seqs()
        rows: list[Entry] = []
        last = head.hash
        for seq, one in zip(seqs, entries, strict=True):
            row = _to_row(one, self._connection.dialect)
            last = row_hash(
                last,
                seq=seq,
                at=one["at"],
                execution_id=one["execution_id"],
                event=one["event"],
                digest=row["digest"],
            )
            rows.append(row | {"seq": seq, "hash": last})
        moved = {
            "first_seq": head.first_seq or seqs[0],
            "last_seq": seqs[-1],
            "length": head.length + len(rows),
            "last_hash": last,
        }
        sql.send_with_commit(self._connection, partial(self._send, rows, moved))

    def _send(self, rows: Sequence[Entry], moved: Entry) -> None:
        if self._dialect == "postgresql":
            texts = [row | {"at": in_utc(row["at"])} for row in rows]
            values = moved | {"rows": json.dumps(texts, ensure_ascii=False)}
            sql.execute(self._connection, _ADD_ROWS_AND_MOVE_HEAD, values)
        else:
            sql.execute_many(self._connection, _ADD_ROWS, rows)
            sql.execute(self._connection, _MOVE_HEAD, moved)

    def _lock(self) -> sql.Result:
        numbers = {"rows": self._rows} if self._dialect == "postgresql" else {}
        return sql.execute(self._connection, _LOCK_HEAD[self._dialect], numbers)

    def _head_and_seqs(self) -> tuple[ChainHead, list[int]]:
        if not self._locked.rows:  # the first rows of all
            sql.execute(self._connection, _BEGIN_CHAIN[self._dialect], _NEW_CHAIN)
            self._locked = self._lock()
        first = self._locked.rows[0]
        head = ChainHead(first.first_seq, first.last_seq, first.length, first.hash)
        if self._dialect == "postgresql":
            return head, [row.seq for row in self._locked.rows]
        begin = max(head.last_seq, first.seq) + 1
        return head, [*range(begin, begin + self._rows)]


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Add rows to the log, at the end of a transaction."""
    with sql.pipeline(connection):
        head = LockedHead(connection, rows=len(entries))
    head.append(entries)


def _to_row(one: Entry, dialect: Dialect) -> dict[str, Any]:
    write_actor, write_details = _writers(dialect)
    actor, details = write_actor(one["actor"]), write_details(one["details"])
    salt = secrets.token_hex(SALT_BYTES)
    return {
        "at": one["at"],
        "execution_id": one["execution_id"],
        "event": one["event"],
        "actor": actor,
        "details": details,
        "salt": salt,
        "digest": digest(salt=salt, actor=actor, details=details),
    }


@lru_cache(maxsize=8)
def _writers(dialect: Dialect) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what converts an actor and details to the JSON texts that are stored."""
    actor = audit.c.actor.type.bind_processor(dialect)
    details = audit.c.details.type.bind_processor(dialect)
    if actor is None or details is None:
        raise TypeError("the actor and the details of an audit row are stored as JSON")
    return actor, details
