"""The doctor's checks of a PostgreSQL server that several processes share: its clock, its
connections, the processes that are connected, and the queue's tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from bot.findings import Finding, good, warning
from bot.settings import Settings
from bot.version import VERSION
from storage.db.database import reading
from storage.db.engines import PRODUCT, DriverMissing, normalize_url, open_engine
from storage.errors import Busy

SERVE_ONLY: Final = "serve --no-scheduler"

TICKING: Final = frozenset({"serve", "scheduler"})
"""The roles that handle deadlines, reminders and recovery."""

QUEUE_CONNECTIONS: Final = 2
"""Connections that a worker's queue opens in addition to the pool."""

SKEW_SECONDS: Final = 2.0

_CONNECTIONS: Final = text(
    "SELECT current_setting('max_connections')::int"
    " - current_setting('superuser_reserved_connections')::int AS most,"
    " (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS taken"
)
_OURS: Final = text(
    "SELECT application_name AS name, count(*) AS connections FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE :ours"
    " GROUP BY application_name ORDER BY application_name"
)
_NOW: Final = text("SELECT clock_timestamp()")


def application_name(role: str) -> str:
    """The name that the server shows for our connections."""
    return f"{PRODUCT} {VERSION} {role}"


def check_shared_server(settings: Settings) -> Iterator[Finding]:
    """No findings if the database is a SQLite file, or does not open."""
    url = make_url(normalize_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() == "postgresql":
        try:
            engine = open_engine(url.render_as_string(hide_password=False))
        except DriverMissing:
            return  # `check_database` reports it
        try:
            with reading(engine) as connection:
                yield _clock(connection)
                yield _connections(connection, settings)
                yield from _others(connection)
                yield _jobs(connection)
        except (Busy, SQLAlchemyError, ImportError):
            return  # `check_database` reports it
        finally:
            engine.dispose()


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    server_time: datetime = connection.execute(_NOW).scalar_one()
    after = datetime.now(UTC)
    skew = max((before - server_time).total_seconds(), (server_time - after).total_seconds(), 0.0)
    if skew > SKEW_SECONDS:
        return warning(
            "Clock",
            f"the server's differs from this host's by {skew:.0f} s; deadlines use the server's",
            "Synchronize both with NTP: people compare the times they see with their own clock.",
        )
    return good("Clock", "the server's and this host's agree")


def _connections(connection: Connection, settings: Settings) -> Finding:
    row = connection.execute(_CONNECTIONS).one()
    per_process = 2 * settings.database_pool + QUEUE_CONNECTIONS
    free = row.most - row.taken
    usage = (
        f"{row.taken} of {row.most} are in use; a process may open {per_process} "
        f"(twice COUNTERSIGN_DATABASE_POOL, and {QUEUE_CONNECTIONS} for its queue)"
    )
    if free < per_process:
        advice = "Lower COUNTERSIGN_DATABASE_POOL, or raise the server's max_connections."
        return warning("Connections", f"{usage}: there is no room for another process", advice)
    return good("Connections", f"{usage}: there is room for {free // per_process} more")


def _others(connection: Connection) -> Iterator[Finding]:
    ours = connection.execute(_OURS, {"ours": f"{PRODUCT} %"}).all()
    if not ours:
        return
    connected = "connected: " + ", ".join(f"{row.name} ({row.connections})" for row in ours)
    if not any(row.name.split(maxsplit=2)[-1] in TICKING for row in ours):
        yield warning(
            "Scheduler",
            "none is connected: no deadline expires, and no dead worker's phase is run again",
            "Start `countersign scheduler`, or `countersign serve` without --no-scheduler.",
        )
    others = [row.name for row in ours if row.name.split()[1:2] != [VERSION]]
    if others:
        yield warning(
            "Processes",
            f"{connected}: not all have this version ({VERSION})",
            "This is expected during an upgrade. When it is over, update the others, too.",
        )
    else:
        yield good("Processes", connected)


def _jobs(connection: Connection) -> Finding:
    from crew_runner.queues.procrastinate_schema import missing_migrations

    missing = missing_migrations(connection)
    if missing is None:
        return warning("Queue", "its tables do not exist yet", "Run `countersign migrate`.")
    if missing:
        return warning(
            "Queue",
            f"its tables are older than the installed Procrastinate; missing: {', '.join(missing)}",
            "Run `countersign migrate`.",
        )
    return good("Queue", "Procrastinate's tables are up to date")
