"""Opening the database, its transactions and its schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from storage.errors import Busy

BUSY_SECONDS: Final = 1.5
"""How long a write waits for another before it gives up: Slack wants its answer within 3 s."""

_CONFLICTS: Final = frozenset(
    {
        "23505",  # unique_violation: the same key was added at the same time
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
    }
)
"""PostgreSQL's SQLSTATEs of what is lost to another writer."""

_LOCK: Final = "countersign_write_lock"


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


def open_engine(url: str) -> Engine:
    """An engine for a SQLAlchemy URL, set up so that an acknowledged commit is never lost."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, hide_parameters=True)
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,  # a failed statement is logged, and requests stand in them
    )
    event.listen(engine, "connect", _set_up_sqlite)
    engine.update_execution_options(**{_LOCK: threading.Lock()})
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


def _begin(connection: Connection, how: str) -> None:
    """The driver's own BEGIN comes too late for a read followed by a write: we send our own."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(how)


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits once at the end. Raises Busy if it could not begin in time.

    SQLite takes one writer at a time and makes the others poll; within this process they queue
    at a lock instead, which is fair and costs no polling.
    """
    lock: threading.Lock | None = engine.get_execution_options().get(_LOCK)
    if lock is not None and not lock.acquire(timeout=BUSY_SECONDS):
        raise Busy("the database is busy")
    try:
        with engine.begin() as connection:
            _begin(connection, "BEGIN IMMEDIATE")
            yield connection
    except DBAPIError as error:
        if _was_in_the_way(error):
            raise Busy("the database is busy") from error
        raise
    finally:
        if lock is not None:
            lock.release()


def _was_in_the_way(error: DBAPIError) -> bool:
    """Whether another writer was: doing the same again may go well."""
    sqlstate: str | None = getattr(error.orig, "sqlstate", None)
    if sqlstate is not None:
        return sqlstate in _CONFLICTS
    said = str(error.orig)
    return isinstance(error, OperationalError) and ("locked" in said or "busy" in said)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that takes no write lock."""
    with engine.begin() as connection:
        _begin(connection, "BEGIN")
        yield connection


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision, in one transaction."""
    config = _alembic()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Whether the schema is at the newest revision."""
    head = ScriptDirectory.from_config(_alembic()).get_current_head()
    with reading(engine) as connection:
        return MigrationContext.configure(connection).get_current_revision() == head


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
