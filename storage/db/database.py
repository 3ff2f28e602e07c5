"""Transactions, the shared clock, and the schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from time import monotonic
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
_LOCK_TIMEOUTS: Final = frozenset(
    {
        "55P03",  # lock_not_available
        "57014",  # query_canceled: by statement_timeout
    }
)
"""SQLSTATEs of PostgreSQL for a conflict with another writer, and for waiting too long for one."""

_UNAVAILABLE: Final = ("08", "57P", "53", "25P03", "58")
"""Prefixes of SQLSTATEs if the server stops, starts, is full, or has ended the session."""

_READ_ONLY_SNAPSHOT: Final = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_MIGRATION_LOCK: Final = 5_270_318_462
"""The advisory lock under which one process at a time changes the schema."""

_NOT_WORTH_COUNTING: Final = 0.05
"""Seconds of waiting that need not be subtracted from SQLite's own timeout."""

_SERVER_TIME: Final = select(func.clock_timestamp(type_=UtcDateTime()))


class SystemClock:
    """The host's clock on SQLite, and the database server's clock on PostgreSQL."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def at(self, connection: Connection) -> datetime:
        if connection.dialect.name != "postgresql":
            return self.now()
        with sql.pipeline(connection):  # with the BEGIN, which psycopg sends first
            time = sql.execute(connection, _SERVER_TIME)
        now: datetime = time.rows[0][0]
        return now


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that commits at the end. Raises Busy if it could not start in time.

    SQLite allows one writer at a time and makes the others poll. Writers of this process queue at
    a lock instead, which is fair and needs no polling. Both waits together end after BUSY_SECONDS.
    """
    lock: FairLock | None = engine.get_execution_options().get(WRITE_LOCK)
    until = monotonic() + BUSY_SECONDS
    if lock is not None and not lock.acquire(timeout=BUSY_SECONDS):
        raise Busy("the database is busy")
    try:
        # Without a commit, the pool rolls back when the connection is returned.
        with _translate_errors(), engine.connect() as connection:
            connection.begin()
            if connection.dialect.name == "sqlite":
                _begin_on_sqlite(connection, until=until)
            yield connection
            connection.commit()
    finally:
        if lock is not None:
            lock.release()


def _begin_on_sqlite(connection: Connection, *, until: float) -> None:
    """Wait for writers of other processes. The driver's own BEGIN is too late for a read first."""
    left = until - monotonic()
    if left > BUSY_SECONDS - _NOT_WORTH_COUNTING:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    try:
        wait = min(before, max(0, round(left * 1000)))
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {wait}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {before}")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Open a consistent snapshot, without a write lock. Raises Unreachable."""
    with _translate_errors(), engine.connect() as connection:
        on_server = connection.dialect.name == "postgresql"
        connection.exec_driver_sql(_READ_ONLY_SNAPSHOT if on_server else "BEGIN")
        yield connection
        connection.commit()


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise Busy("all connections to the database are in use") from error
    except DBAPIError as error:
        translated = _translate(error)
        if translated is None:
            raise
        raise translated from error


def _translate(error: DBAPIError) -> Busy | None:
    """Return our error for a concurrent writer or an unreachable server; None for anything else."""
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    if sqlstate in _CONFLICTS:
        return Conflict("a concurrent write came first")
    if sqlstate in _LOCK_TIMEOUTS:
        return Busy("the database is busy")
    if error.connection_invalidated or (sqlstate or "").startswith(_UNAVAILABLE):
        return Unreachable("the database does not answer")
    if not isinstance(error, OperationalError) or sqlstate is not None:
        return None
    message = str(error.orig)
    if "locked" in message or "busy" in message:
        return Busy("the database is busy")
    return Unreachable("the database does not answer") if _is_unreachable(error, message) else None


def is_outage(error: Exception) -> bool:
    """Whether the database is unavailable: busy, unreachable, full, or impossible to open."""
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
"""Including what an engine raises outside `writing` and `reading`."""


def _is_unreachable(error: OperationalError, message: str) -> bool:
    """Whether no server could be reached (psycopg then has no SQLSTATE), or SQLite's disk fails."""
    from_server = type(error.orig).__module__.startswith("psycopg")
    return from_server or message.endswith("disk is full") or message.startswith("disk I/O error")


def upgrade(engine: Engine, and_then: Callable[[Connection], None] | None = None) -> Schema:
    """Migrate to the newest revision and call `and_then`, all in one transaction.

    A schema that a newer version migrated is left alone. Returns the schema as it was before. If
    several processes start at once, one migrates and the others wait; one that waits too long
    raises Busy and can try again. Raises IncompatibleSchema.
    """
    with ExitStack() as stack:
        connection = stack.enter_context(writing(engine))
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            from storage.db.postgresql import without_time_limit

            stack.enter_context(without_time_limit(connection))
        before = schema_of(connection)
        if before.status is SchemaStatus.INCOMPATIBLE:
            raise IncompatibleSchema(str(before.revision), before.known)
        if before.status is not SchemaStatus.NEWER:
            config = configuration()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        if and_then is not None:
            and_then(connection)
    return before


def schema(engine: Engine) -> Schema:
    with reading(engine) as connection:
        return schema_of(connection)
