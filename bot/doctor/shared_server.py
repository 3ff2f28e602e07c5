"""What the doctor looks at where several processes share a server: its connections, its clock, who
else runs there, and what brings phases to workers. Each finding says how to mend it."""

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
from storage.db.engines import PRODUCT, DriverMissing, open_engine, whole_url
from storage.errors import Busy

SERVE_ONLY: Final = "serve --no-scheduler"

TICKING: Final = frozenset({"serve", "scheduler"})
"""The roles that do what is due."""

QUEUE_CONNECTIONS: Final = 2
"""What a worker's queue opens beside the pool."""

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
    """How connections of ours are named on the server."""
    return f"{PRODUCT} {VERSION} {role}"


def check_sharing(settings: Settings) -> Iterator[Finding]:
    """Nothing where the database is a file: then there is nothing shared."""
    url = make_url(whole_url(settings.database_url.get_secret_value()))
    if url.get_backend_name() == "postgresql":
        try:
            engine = open_engine(url.render_as_string(hide_password=False))
        except DriverMissing:
            return  # reported where the database is checked
        try:
            with reading(engine) as connection:
                yield _clock(connection)
                yield _connections(connection, settings)
                yield from _others(connection)
                yield _jobs(connection)
        except (Busy, SQLAlchemyError, ImportError):
            return  # told where the database is checked
        finally:
            engine.dispose()


def _clock(connection: Connection) -> Finding:
    before = datetime.now(UTC)
    told: datetime = connection.execute(_NOW).scalar_one()
    after = datetime.now(UTC)
    skew = max((before - told).total_seconds(), (told - after).total_seconds(), 0.0)
    if skew > SKEW_SECONDS:
        return warning(
            "Clock",
            f"the server's differs from this host's by {skew:.0f} s; deadlines go by the server's",
            "Have both set by NTP: people compare the times that they are shown with their own.",
        )
    return good("Clock", "the server's and this host's agree")


def _connections(connection: Connection, settings: Settings) -> Finding:
    row = connection.execute(_CONNECTIONS).one()
    needs = 2 * settings.database_pool + QUEUE_CONNECTIONS
    free = row.most - row.taken
    told = (
        f"{row.taken} of {row.most} are taken; a process may open {needs} "
        f"(twice COUNTERSIGN_DATABASE_POOL, and {QUEUE_CONNECTIONS} for its queue)"
    )
    if free < needs:
        mend = "Lower COUNTERSIGN_DATABASE_POOL, or raise the server's max_connections."
        return warning("Connections", told, mend)
    return good("Connections", f"{told}: there is room for {free // needs} more")


def _others(connection: Connection) -> Iterator[Finding]:
    ours = connection.execute(_OURS, {"ours": f"{PRODUCT} %"}).all()
    if not ours:
        return
    named = "connected: " + ", ".join(f"{row.name} ({row.connections})" for row in ours)
    if not any(row.name.split(maxsplit=2)[-1] in TICKING for row in ours):
        yield warning(
            "Scheduler",
            "none is connected: no deadline passes, and what a dead worker held is not handed on",
            "Start `countersign scheduler`, or `serve` without --no-scheduler.",
        )
    others = [row.name for row in ours if row.name.split()[1:2] != [VERSION]]
    if others:
        yield warning(
            "Processes",
            f"{named}: not all are of this version ({VERSION})",
            "That is as it should be during an upgrade; update the others too.",
        )
    else:
        yield good("Processes", named)


def _jobs(connection: Connection) -> Finding:
    from crew_runner.queues.procrastinate_schema import outdated

    missing = outdated(connection)
    if missing is None:
        return warning("Queue", "its tables are not there yet", "Run `countersign migrate`.")
    if missing:
        return warning(
            "Queue",
            f"its tables are older than the Procrastinate that is installed: {', '.join(missing)}",
            "Run `countersign migrate`.",
        )
    return good("Queue", "Procrastinate's tables are up to date")
