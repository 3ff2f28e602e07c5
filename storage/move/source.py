"""The installation that is moved: held still for as long as it is read, and never changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, select, text
from sqlalchemy.exc import DBAPIError

from storage.db.engines import PRODUCT, open_engine
from storage.db.tables import OUTBOX_TO_DO, RUN_IS_RUNNING, outbox, phase_runs
from storage.errors import CountersignError
from storage.move.tables import PLAIN

LEAVE_SECONDS: Final = 5.0
"""How long others get to leave: a database notices late that a process was killed."""

_LOOK: Final = 0.1
_OTHERS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> ALL(:ours)"
    " AND (application_name LIKE :product OR application_name = current_setting(:name))"
)


class CannotMove(CountersignError):
    """Why nothing more is copied, in words for who started the move."""


@contextmanager
def held_still(url: URL, *, is_dead: Callable[[str], bool]) -> Iterator[Connection]:
    """One transaction that sees the whole installation, while nobody else can write to it.

    `is_dead`: whether the process that holds a lease certainly runs no more. Raises CannotMove.
    """
    on_file = url.get_backend_name() == "sqlite"
    engine = _file(url) if on_file else open_engine(url.render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            if on_file:
                _hold_file(connection)
            else:
                _hold_server(connection)
            _must_be_left_alone(connection, is_dead)
            yield connection
    finally:
        engine.dispose()


def revision(connection: Connection) -> str | None:
    """The revision of the schema; None where there is no installation."""
    return MigrationContext.configure(connection).get_current_revision()


def shown(of: Connection | Engine) -> str:
    """A file's path, or a server's URL without the password."""
    return in_words(of.engine.url)


def in_words(url: URL) -> str:
    return (url.database or "") if url.get_backend_name() == "sqlite" else url.render_as_string()


def wait_until_alone(connection: Connection, *, ours: Collection[int] = ()) -> None:
    """Raises CannotMove where bots or workers are still connected to this server's database.

    `ours`: the servers' processes behind our own other connections.
    """
    own = [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), *ours]
    deadline = time.monotonic() + LEAVE_SECONDS
    while found := connection.execute(
        _OTHERS, {"ours": own, "product": f"{PRODUCT}%", "name": "application_name"}
    ).scalar_one():
        if time.monotonic() > deadline:
            raise CannotMove(
                f"A bot or worker has {found} connections to {shown(connection)}:"
                " end every one of them first."
            )
        time.sleep(_LOOK)
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")


# --- a file -----------------------------------------------------------------------------------


def _file(url: URL) -> Engine:
    path = Path(url.database or "")
    if not path.is_file():
        raise CannotMove(f"There is no file {path}.")

    def connect() -> sqlite3.Connection:
        where = f"{path.resolve().as_uri()}?mode=rw"  # without it a file that is not there is made
        return sqlite3.connect(where, uri=True, timeout=LEAVE_SECONDS, isolation_level=None)

    return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)


def _hold_file(connection: Connection) -> None:
    """A lock that no other process can have the file open beside, and nothing but reading."""
    try:
        connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE")
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
    except DBAPIError as error:
        if "locked" in str(error.orig):
            raise CannotMove(
                f"A bot, or another program, has {shown(connection)} open: end it first."
            ) from error
        raise CannotMove(f"{shown(connection)} cannot be read: {error.orig}.") from error
    connection.exec_driver_sql("PRAGMA query_only=ON")


# --- a server ---------------------------------------------------------------------------------


def _hold_server(connection: Connection) -> None:
    names = ", ".join(plain.name for plain in PLAIN)
    connection.execution_options(isolation_level="REPEATABLE READ")
    try:
        unlimited(connection)
        # Before anything is read: what is committed later than the first read is not seen.
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")
    except DBAPIError as error:
        raise CannotMove(f"{shown(connection)} cannot be held still: {error.orig}") from error
    wait_until_alone(connection)


def unlimited(connection: Connection) -> None:
    """Within this transaction statements and pauses take what they take."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


# --- both -------------------------------------------------------------------------------------


def _must_be_left_alone(connection: Connection, is_dead: Callable[[str], bool]) -> None:
    """No process may be in the middle of something, wherever it runs."""
    if revision(connection) is None:
        raise CannotMove(f"{shown(connection)} holds no installation of Countersign.")
    run, message = phase_runs.c, outbox.c
    held: list[Any] = [
        *connection.execute(select(run.lease_owner, run.lease_until).where(RUN_IS_RUNNING)),
        *connection.execute(
            select(message.lease_owner, message.lease_until).where(
                OUTBOX_TO_DO, message.lease_owner.is_not(None)
            )
        ),
    ]
    now = datetime.now(UTC)
    until = [
        end
        for owner, end in held
        if end is not None and end > now and not is_dead(str(owner).partition("#")[0])
    ]
    if until:
        raise CannotMove(
            f"A process of another host may still be at work on {shown(connection)}, until"
            f" {max(until):%H:%M:%S} UTC at the latest: end it, and start again then."
        )
