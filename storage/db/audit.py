"""The audit log: a chain of rows, which are only ever added.

The database itself refuses updates and deletes, except that the actor and the details of a row may
be emptied. The chain's head is locked before rows are added, and nothing is locked after it. So the
order of `seq` is the order of commits, and writers cannot deadlock.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    Connection,
    Dialect,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.audit_chain import GENESIS, ChainHead, digest, row_hash
from storage.db import sql
from storage.db.columns import UtcDateTime
from storage.db.tables import audit, audit_chain
from storage.records import Actor

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

EMPTIED: Final = (None, "{}", None)
"""The actor, the details and the salt of a row that was emptied."""

_ADD_ROWS: Final = insert(STORED)

HEAD: Final[Select[Any]] = select(
    audit_chain.c.first_seq, audit_chain.c.last_seq, audit_chain.c.length, audit_chain.c.hash
).where(audit_chain.c.name == CHAIN)

_LOCK_HEAD: Final = HEAD.with_for_update()

_MOVE_HEAD: Final = update(audit_chain).where(audit_chain.c.name == bindparam("of_name"))

_LAST_SEQ: Final[Select[Any]] = select(func.coalesce(func.max(audit.c.seq), 0))

_NEXT_SEQS: Final[Select[Any]] = select(func.nextval("audit_seq_seq")).select_from(
    func.generate_series(1, bindparam("rows", type_=Integer))
)
"""On PostgreSQL: from the sequence, as processes of older versions take numbers there, too."""

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


class LockedHead:
    """The locked end of the chain. Lock it last in a transaction, and commit soon after.

    In a pipeline, the lock is requested together with the statements before it.
    """

    def __init__(self, connection: Connection, *, rows: int) -> None:
        self._connection = connection
        self._rows = rows
        self._head = sql.execute(connection, _LOCK_HEAD)
        self._seqs = self._request_seqs()

    def append(self, entries: Sequence[Entry]) -> None:
        """Add as many rows as announced, in this order."""
        head = self._to_head()
        rows: list[dict[str, object]] = []
        last = head.hash
        seqs = self._next_seqs(head)
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
            "of_name": CHAIN,
            "first_seq": head.first_seq or seqs[0],
            "last_seq": seqs[-1],
            "length": head.length + len(rows),
            "hash": last,
        }
        with sql.pipeline(self._connection):
            sql.execute_many(self._connection, _ADD_ROWS, rows)
            sql.execute(self._connection, _MOVE_HEAD, moved)

    def _to_head(self) -> ChainHead:
        row = self._head.first()
        if row is None:
            begin = _BEGIN_CHAIN[self._connection.dialect.name]
            began = sql.execute(self._connection, begin, _NEW_CHAIN).changed > 0
            row = sql.execute(self._connection, _LOCK_HEAD).rows[0]
            if not began:  # another writer did, who may have later numbers than these
                self._seqs = self._request_seqs()
        return ChainHead(row.first_seq, row.last_seq, row.length, row.hash)

    def _request_seqs(self) -> sql.Result:
        if self._connection.dialect.name == "postgresql":
            return sql.execute(self._connection, _NEXT_SEQS, {"rows": self._rows})
        return sql.execute(self._connection, _LAST_SEQ)

    def _next_seqs(self, head: ChainHead) -> list[int]:
        if self._connection.dialect.name == "postgresql":
            return self._seqs.scalars()
        first = max(head.last_seq, self._seqs.scalar() or 0) + 1
        return [*range(first, first + self._rows)]


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
