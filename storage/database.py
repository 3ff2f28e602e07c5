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
from sqlalchemy.exc import OperationalError

from storage.errors import Busy

BUSY_SECONDS: Final = 1.5
"""How long a write waits for another before it gives up: Slack wants its answer within 3 s."""

_READ: Final = "countersign_read"
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
    event.listen(engine, "begin", _begin_sqlite)
    return engine.execution_options(**{_LOCK: threading.Lock()})


def _set_up_sqlite(connection: SqliteConnection, _record: object) -> None:
    # The driver's own BEGIN comes too late for a read followed by a write: we send our own.
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL can lose an acknowledged commit when power fails
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


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
            yield connection
    except OperationalError as error:
        if "locked" in str(error.orig) or "busy" in str(error.orig):
            raise Busy("the database is busy") from error
        raise
    finally:
        if lock is not None:
            lock.release()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A consistent view that takes no write lock."""
    with engine.execution_options(**{_READ: True}).begin() as connection:
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
