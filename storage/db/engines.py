"""Engines for SQLite and PostgreSQL, set up so that an acknowledged commit is never lost."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib.util import find_spec
from sqlite3 import Connection as SqliteConnection
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from storage.db.fair_lock import FairLock

T = TypeVar("T")

BUSY_SECONDS: Final = 1.5
"""Seconds that a write waits for another one: Slack expects its answer within 3 s."""

STATEMENT_SECONDS: Final = 10
IDLE_SECONDS: Final = 30
"""PostgreSQL ends a transaction that is idle for so long: its process hangs or is gone."""

CONNECT_SECONDS: Final = 5

PREPARE_THRESHOLD: Final = 1
"""Executions of a statement before the server prepares it."""

PING_AFTER_IDLE_SECONDS: Final = 0.2
"""A connection that was idle for longer is pinged before it is used again."""

_LAST_USED: Final = "countersign_used"

PRODUCT: Final = "countersign"
"""The name of our connections in the server's list of them."""

WRITE_LOCK: Final = "countersign_write_lock"
"""The execution option that has the lock of an engine's writers."""


class DriverMissing(ImportError):
    """The packages for PostgreSQL are missing. `command` installs them."""

    problem: Final = "PostgreSQL needs psycopg and Procrastinate, which are not installed"
    command: Final = 'pip install "countersign[postgres]"'

    def __init__(self) -> None:
        super().__init__(f"{self.problem}. Install them: {self.command}")


@dataclass(frozen=True, slots=True)
class Pool:
    """The connections of one process: `size` stay open, `overflow` more are opened if needed."""

    size: int = 10
    overflow: int = 10


def normalize_url(url: str) -> str:
    """Expand `postgres://`, which hosting services use and SQLAlchemy refuses."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql{separator}{rest}" if scheme == "postgres" else url


def open_engine(url: str, pool: Pool | None = None) -> Engine:
    """Create an engine for an SQLAlchemy URL of SQLite or PostgreSQL, without connecting yet.

    A bare `postgresql://` (or `postgres://`) means psycopg 3. Raises ValueError for another
    database, and DriverMissing if the extra `postgres` is not installed.
    """
    parsed = make_url(normalize_url(url))
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed, pool or Pool())
        case other:
            raise ValueError(f"{other} is not supported: use sqlite or postgresql")


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,  # the last one used has its statements and pages cached
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,  # failed statements are logged, and parameters contain requests
    )
    event.listen(engine, "connect", _set_up_sqlite)
    engine.update_execution_options(**{WRITE_LOCK: FairLock()})
    return engine


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    # Applies only outside `writing` and `reading`, and only before a write.
    connection.isolation_level = "IMMEDIATE"
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL can lose an acknowledged commit when power fails
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _postgresql(url: URL, pool: Pool) -> Engine:
    if any(find_spec(name) is None for name in ("psycopg", "procrastinate")):
        raise DriverMissing
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    limits = {
        "lock_timeout": f"{BUSY_SECONDS * 1000:.0f}ms",
        "statement_timeout": f"{STATEMENT_SECONDS}s",
        "idle_in_transaction_session_timeout": f"{IDLE_SECONDS}s",
        "timezone": "UTC",
    }
    engine = create_engine(
        url,
        pool_size=pool.size,
        max_overflow=pool.overflow,
        pool_timeout=BUSY_SECONDS,
        pool_use_lifo=True,  # the last one used has its statements prepared
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": url.query.get("application_name", PRODUCT),
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
            "prepare_threshold": PREPARE_THRESHOLD if _may_prepare(url) else None,
        },
        hide_parameters=True,
    )
    from storage.db import postgresql  # its driver is an extra

    event.listen(engine, "do_connect", postgresql.connect)
    _ping_idle_connections(engine)
    return engine


def _ping_idle_connections(engine: Engine) -> None:
    """Ping idle connections before handing them out.

    A server that was restarted has closed them all. SQLAlchemy's own `pool_pre_ping` pings before
    every use, which takes as long as a statement.
    """

    def used(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_LAST_USED] = time.monotonic()

    def check_out(connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get(_LAST_USED, 0.0) < PING_AFTER_IDLE_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    for event_name in ("connect", "checkin"):
        event.listen(engine, event_name, used)
    event.listen(engine, "checkout", check_out)


def _may_prepare(url: URL) -> bool:
    """Whether statements may be prepared: not behind a proxy that pools transactions."""
    return url.query.get("prepare_threshold") != "0"


def connection_arguments(engine: Engine) -> dict[str, Any]:
    """Return psycopg's arguments for this engine's server, for code with its own connections."""
    arguments = dict(engine.dialect.create_connect_args(engine.url)[1])
    arguments.pop("prepare_threshold", None)
    return arguments if _may_prepare(engine.url) else {**arguments, "prepare_threshold": None}
