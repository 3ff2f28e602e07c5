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
    cast,
    column,
    func,
    insert,
    null,
    select,
    table,
    update,
)
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

_APPEND: Final[Select[Any]] = select(func.audit_append(cast(bindparam("rows"), JSON)))
"""On PostgreSQL: a function of the database locks the head, and numbers and chains the rows, in the
same round trip as the statements before it."""

_LAST_SEQ: Final[Select[Any]] = select(func.max(audit.c.seq))

_HEAD_AND_SEQ: Final[Select[Any]] = HEAD.add_columns(_LAST_SEQ.scalar_subquery().label("seq"))
"""On SQLite, whose write transaction is the lock: the head, and the last number in use."""

_ADD_ROWS: Final = insert(STORED)

_MOVE_HEAD: Final = update(audit_chain).where(audit_chain.c.name == CHAIN)

_BEGIN_CHAIN: Final = insert(audit_chain)

_NO_ROWS: Final = ChainHead(first_seq=0, last_seq=0, length=0, hash=GENESIS)


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


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Add rows to the log, in this order: last in a transaction, as other writers then wait."""
    rows = [_to_row(one, connection.dialect) for one in entries]
    if connection.dialect.name == "postgresql":
        texts = [row | {"at": in_utc(row["at"])} for row in rows]
        sql.execute(connection, _APPEND, {"rows": json.dumps(texts, ensure_ascii=False)})
    else:
        _append_on_sqlite(connection, rows)


def _append_on_sqlite(connection: Connection, rows: list[Entry]) -> None:
    row = sql.execute(connection, _HEAD_AND_SEQ).first()
    head = _NO_ROWS if row is None else ChainHead(*row[:-1])
    in_use = sql.execute(connection, _LAST_SEQ).scalar() if row is None else row.seq
    first = max(head.last_seq, in_use or 0) + 1
    last = head.hash
    for seq, new in enumerate(rows, start=first):
        last = row_hash(
            last,
            seq=seq,
            at=new["at"],
            execution_id=new["execution_id"],
            event=new["event"],
            digest=new["digest"],
        )
        new |= {"seq": seq, "hash": last}
    moved = {
        "first_seq": head.first_seq or first,
        "last_seq": first + len(rows) - 1,
        "length": head.length + len(rows),
        "hash": last,
    }
    sql.execute_many(connection, _ADD_ROWS, rows)
    if row is None:
        sql.execute(connection, _BEGIN_CHAIN, {"name": CHAIN, **moved})
    else:
        sql.execute(connection, _MOVE_HEAD, moved)


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
