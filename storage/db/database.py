"""Transactions, the shared time, and the schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Final

from alembic import command
from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from storage.db import sql
from storage.db.columns import UtcDateTime
from storage.db.engines import BUSY_SECONDS, WRITE_LOCK
from storage.db.fair_lock import FairLock
from storage.db.schema import Schema, SchemaStatus, configuration, schema_of
from storage.errors import Busy, Conflict, IncompatibleSchema, Unreachable

_CONFLICTS: Final = frozenset(
    {
        "23505",  # unique_violation: the same key was added at the same time
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
    }
)
_IN_THE_WAY: Final = frozenset(
    {
        "55P03",  # lock_not_available
        "57014",  # query_canceled: by statement_timeout
    }
)
"""PostgreSQL's SQLSTATEs of what is lost to another writer, and of what waited too long for it."""

_AWAY: Final = ("08", "57P", "53", "25P03", "58")
"""How SQLSTATEs begin where the server ends, starts, is full, or has given up on the session."""

_READ_ON_SERVER: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_MIGRATING: Final = 5_270_318_462
"""The advisory lock under which one process at a time changes the schema."""


_SERVERS_TIME: Final = select(func.clock_timestamp(type_=UtcDateTime()))


class SystemClock:
    """The machine's clock; where a server keeps the database, the server's for all of them."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, connection: Connection) -> datetime:
        if connection.dialect.name != "postgresql":
            return self.now()
        with sql.pipeline(connection):  # with the BEGIN, which psycopg sends first
            time = sql.execute(connection, _SERVERS_TIME)
        now: datetime = time.rows[0][0]
        return now


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits once at the end. Raises Busy if it could not begin in time.

    SQLite takes one writer at a time and makes the others poll; within this process they queue
    at a lock instead, which is fair and costs no polling.
    """
    lock: FairLock | None = engine.get_execution_options().get(WRITE_LOCK)
    if lock is not None and not lock.acquire(timeout=BUSY_SECONDS):
        raise Busy("the database is busy")
    try:
        # What is not committed at the end is undone where the pool takes the connection back.
        with _told_in_our_words(), engine.connect() as connection:
            connection.begin()
            if connection.dialect.name == "sqlite":
                # The driver's own BEGIN comes too late for a read followed by a write.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that takes no write lock. Raises Unreachable."""
    with _told_in_our_words(), engine.connect() as connection:
        on_server = connection.dialect.name == "postgresql"
        connection.exec_driver_sql(_READ_ON_SERVER if on_server else "BEGIN")
        yield connection
        connection.commit()


@contextmanager
def _told_in_our_words() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise Busy("all connections to the database are in use") from error
    except DBAPIError as error:
        ours = _in_our_words(error)
        if ours is None:
            raise
        raise ours from error


def _in_our_words(error: DBAPIError) -> Busy | None:
    """Whether another writer was in the way, or the server away; None for anything else."""
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    if sqlstate in _CONFLICTS:
        return Conflict("another writer was faster")
    if sqlstate in _IN_THE_WAY:
        return Busy("the database is busy")
    if error.connection_invalidated or (sqlstate or "").startswith(_AWAY):
        return Unreachable("the database does not answer")
    if not isinstance(error, OperationalError) or sqlstate is not None:
        return None
    said = str(error.orig)
    if "locked" in said or "busy" in said:
        return Busy("the database is busy")
    return Unreachable("the database does not answer") if _is_no_answer(error, said) else None


def is_outage(error: Exception) -> bool:
    """Whether the database did not take a call: it is busy, away or full, or cannot be opened."""
    return isinstance(error, _OUTAGES)


_OUTAGES: Final = (
    Busy,
    OperationalError,
    InterfaceError,
    DisconnectionError,
    PoolTimeoutError,
    sqlite3.OperationalError,
    OSError,
)
"""Also what comes from an engine outside of `writing` and `reading`."""


def _is_no_answer(error: OperationalError, said: str) -> bool:
    """Whether a server could not be reached at all, of which a driver tells no SQLSTATE, or the
    disk below SQLite is full or fails."""
    of_a_server = type(error.orig).__module__.startswith("psycopg")
    return of_a_server or said.endswith("disk is full") or said.startswith("disk I/O error")


def upgrade(engine: Engine, and_then: Callable[[Connection], None] | None = None) -> Schema:
    """Bring the schema to the newest revision, in one transaction; what is given, in the same.

    What a newer program made of it stays as it is. Returns the schema as it was found. Of several
    processes one upgrades and the others wait for it; raises Busy where that takes longer than a
    write may wait: try again. Raises StrangeSchema.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(writing(engine))
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            from storage.db.postgresql import without_time_limit

            stack.enter_context(without_time_limit(connection))
        found = schema_of(connection)
        if found.standing is SchemaStatus.STRANGE:
            raise IncompatibleSchema(str(found.revision), found.known)
        if found.standing is not SchemaStatus.NEWER:
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if and_then is not None:
            and_then(connection)
    return found


def schema(engine: Engine) -> Schema:
    with reading(engine) as connection:
        return schema_of(connection)
