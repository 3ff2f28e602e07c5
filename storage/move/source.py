"""The installation that is moved: locked while it is read, and never changed."""

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
from storage.move.tables import STORED_TABLES

DISCONNECT_SECONDS: Final = 5.0
"""Seconds for others to disconnect: a server notices late that a process was killed."""

_POLL_SECONDS: Final = 0.1
_OTHER_CONNECTIONS: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> ALL(:ours)"
    " AND (application_name LIKE :product OR application_name = current_setting(:name))"
)


class CannotMove(CountersignError):
    """The move cannot start or continue. The message, for the operator, says why."""


@contextmanager
def locked_source(url: URL, *, is_dead: Callable[[str], bool]) -> Iterator[Connection]:
    """Open a transaction that sees the whole installation, while nobody else can write to it.

    `is_dead` says whether the owner of a lease has certainly ended. Raises CannotMove.
    """
    on_file = url.get_backend_name() == "sqlite"
    engine = _file(url) if on_file else open_engine(url.render_as_string(hide_password=False))
    try:
        with engine.connect() as connection:
            if on_file:
                _lock_file(connection)
            else:
                _lock_server(connection)
            _check_no_leases(connection, is_dead)
            yield connection
    finally:
        engine.dispose()


def revision(connection: Connection) -> str | None:
    """Return the revision of the schema, or None if there is no installation."""
    return MigrationContext.configure(connection).get_current_revision()


def display_name(of: Connection | Engine) -> str:
    """Return a file's path, or a server's URL without the password."""
    return in_words(of.engine.url)


def in_words(url: URL) -> str:
    return (url.database or "") if url.get_backend_name() == "sqlite" else url.render_as_string()


def wait_for_disconnects(connection: Connection, *, ours: Collection[int] = ()) -> None:
    """Raises CannotMove if bots or workers stay connected to this database of a server.

    `ours` are the server's process ids of further connections of our own.
    """
    own = [connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one(), *ours]
    deadline = time.monotonic() + DISCONNECT_SECONDS
    while others := connection.execute(
        _OTHER_CONNECTIONS, {"ours": own, "product": f"{PRODUCT}%", "name": "application_name"}
    ).scalar_one():
        if time.monotonic() > deadline:
            raise CannotMove(
                f"Bots or workers have {others} open connections to {display_name(connection)}:"
                " stop all of them first."
            )
        time.sleep(_POLL_SECONDS)
        connection.exec_driver_sql("SELECT pg_stat_clear_snapshot()")


# --- a file -----------------------------------------------------------------------------------


def _file(url: URL) -> Engine:
    path = Path(url.database or "")
    if not path.is_file():
        raise CannotMove(f"There is no file {path}.")

    def connect() -> sqlite3.Connection:
        uri = f"{path.resolve().as_uri()}?mode=rw"  # without it, a missing file would be created
        return sqlite3.connect(uri, uri=True, timeout=DISCONNECT_SECONDS, isolation_level=None)

    return create_engine(url, creator=connect, poolclass=NullPool, hide_parameters=True)


def _lock_file(connection: Connection) -> None:
    """Lock the file against every other process that has it open, and allow only reads."""
    try:
        connection.exec_driver_sql("PRAGMA locking_mode=EXCLUSIVE")
        connection.exec_driver_sql("BEGIN EXCLUSIVE")
    except DBAPIError as error:
        if "locked" in str(error.orig):
            raise CannotMove(
                f"A bot, or another program, has {display_name(connection)} open: stop it first."
            ) from error
        raise CannotMove(f"{display_name(connection)} cannot be read: {error.orig}.") from error
    connection.exec_driver_sql("PRAGMA query_only=ON")


# --- a server ---------------------------------------------------------------------------------


def _lock_server(connection: Connection) -> None:
    names = ", ".join(table.name for table in STORED_TABLES)
    connection.execution_options(isolation_level="REPEATABLE READ")
    try:
        lift_timeouts(connection)
        # Before the first read, which fixes the snapshot: later commits would be missed.
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE MODE")
    except DBAPIError as error:
        raise CannotMove(f"{display_name(connection)} cannot be locked: {error.orig}") from error
    wait_for_disconnects(connection)


def lift_timeouts(connection: Connection) -> None:
    """Lift the server's time limits for this transaction."""
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")


# --- both -------------------------------------------------------------------------------------


def _check_no_leases(connection: Connection, is_dead: Callable[[str], bool]) -> None:
    """Raises CannotMove if a process on any host may still be working."""
    if revision(connection) is None:
        raise CannotMove(f"{display_name(connection)} has no installation of Countersign.")
    run, message = phase_runs.c, outbox.c
    leases: list[Any] = [
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
        for owner, end in leases
        if end is not None and end > now and not is_dead(str(owner).partition("#")[0])
    ]
    if until:
        raise CannotMove(
            f"A process on another host may still use {display_name(connection)}, until"
            f" {max(until):%H:%M:%S} UTC at the latest. Stop it, and start the move again then."
        )
