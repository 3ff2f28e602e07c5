"""Engines: SQLite and PostgreSQL, each set up so that an acknowledged commit is never lost."""

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
"""How long a write waits for another before it gives up: Slack wants its answer within 3 s."""

STATEMENT_SECONDS: Final = 10
IDLE_SECONDS: Final = 30
"""PostgreSQL ends a transaction that does nothing for so long: its process hangs or is gone."""

CONNECT_SECONDS: Final = 5


PREPARED_AFTER: Final = 1
"""How often a statement is executed before the server prepares it."""

TRUSTED_SECONDS: Final = 0.2
"""For so long after its last use a connection is used again without a look whether it lives."""

_USED: Final = "countersign_used"

PRODUCT: Final = "countersign"
"""How our connections are named in a server's list of them."""

WRITE_LOCK: Final = "countersign_write_lock"
"""The execution option under which an engine keeps the lock of its process's writers."""


class DriverMissing(ImportError):
    """The packages for PostgreSQL are not installed. `command` installs them."""

    problem: Final = "PostgreSQL needs psycopg and Procrastinate, which are not installed"
    command: Final = 'pip install "countersign[postgres]"'

    def __init__(self) -> None:
        super().__init__(f"{self.problem}. Install them: {self.command}")


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections of one process: `size` stay open, `overflow` more are opened when needed."""

    size: int = 10
    overflow: int = 10


def whole_url(url: str) -> str:
    """Also in the short form in which hosting services give it, which SQLAlchemy refuses."""
    scheme, found, rest = url.partition("://")
    return f"postgresql{found}{rest}" if scheme == "postgres" else url


def open_engine(url: str, pool: Pool | None = None) -> Engine:
    """An engine for an SQLAlchemy URL of SQLite or PostgreSQL; nothing is connected to yet.

    A bare `postgresql://` (or `postgres://`) means psycopg 3. Raises ValueError for another
    database, and DriverMissing if the extra `postgres` is not installed.
    """
    parsed = make_url(whole_url(url))
    match parsed.get_backend_name():
        case "sqlite":
            return _sqlite(parsed)
        case "postgresql":
            return _postgresql(parsed, pool or Pool())
        case other:
            raise ValueError(f"{other} is not supported: sqlite or postgresql is")


def _sqlite(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_use_lifo=True,  # the one that was used last has its statements and pages at hand
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,  # a failed statement is logged, and requests stand in them
    )
    event.listen(engine, "connect", _set_up_sqlite)
    engine.update_execution_options(**{WRITE_LOCK: FairLock()})
    return engine


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    # Used where no transaction was begun by `writing` or `reading`, and then before a write alone.
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
        pool_use_lifo=True,  # the one that was used last has its statements prepared
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": url.query.get("application_name", PRODUCT),
            "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
            "prepare_threshold": PREPARED_AFTER if _may_prepare(url) else None,
        },
        hide_parameters=True,
    )
    from storage.db import postgresql  # its driver is an extra

    event.listen(engine, "do_connect", postgresql.connect)
    _ping_after_idling(engine)
    return engine


def _ping_after_idling(engine: Engine) -> None:
    """Have the pool look whether a connection still lives that nobody used for a while.

    A server that was started anew has closed them all. SQLAlchemy would ask before every use,
    which takes as long as a statement.
    """

    def used(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    def about_to_be_used(
        connection: DBAPIConnection, record: ConnectionPoolEntry, _proxy: object
    ) -> None:
        if time.monotonic() - record.info.get(_USED, 0.0) < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    for happening in ("connect", "checkin"):
        event.listen(engine, happening, used)
    event.listen(engine, "checkout", about_to_be_used)


def _may_prepare(url: URL) -> bool:
    """A proxy that pools transactions does not keep prepared statements."""
    return url.query.get("prepare_threshold") != "0"


def connection_arguments(engine: Engine) -> dict[str, Any]:
    """How psycopg reaches the server of this engine: for what needs connections of its own."""
    arguments = dict(engine.dialect.create_connect_args(engine.url)[1])
    arguments.pop("prepare_threshold", None)
    return arguments if _may_prepare(engine.url) else {**arguments, "prepare_threshold": None}
