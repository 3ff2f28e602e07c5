"""The database that an installation is moved to: empty, or filled in part by the same move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Table,
    Text,
    inspect,
    select,
    text,
)

from storage.db.columns import UtcDateTime
from storage.db.database import reading, writing
from storage.errors import CountersignError
from storage.move.source import CannotMove, display_name, wait_for_disconnects
from storage.move.tables import STORED_TABLES, Stored, StoredTable, count

_MOVE_LOCK: Final = 5_270_318_463
"""The advisory lock that allows one move at a time into a database."""

_ALLOWED_PREFIXES: Final = ("procrastinate_", "countersign_", "alembic_version")

moves = Table(
    "countersign_moves",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
"""A table with one row, only in a database that a move has filled or is filling."""


class HalfMoved(CountersignError):
    """The database has only a part of an installation, so no bot may start on it."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"only a part of {source} was moved into it. Let `countersign move` finish, or set"
            " DATABASE_URL back."
        )
        self.source = source


def refuse_half_moved(connection: Connection) -> None:
    """Raises HalfMoved."""
    move = _move(connection)
    if move is not None and move.ended_at is None:
        raise HalfMoved(move.source)


@contextmanager
def locked_target(engine: Engine) -> Iterator[None]:
    """Make sure that no bot uses the database and no other move runs into it.

    Raises CannotMove.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        wait_for_disconnects(connection)
        locked = connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _MOVE_LOCK})
        if not locked.scalar_one():
            raise CannotMove(f"Another move into {display_name(connection)} is in progress.")
        yield


def finished_at(engine: Engine) -> datetime | None:
    """Return when a move into it finished, or None if one may start or resume.

    Raises CannotMove if the database has anything else in it.
    """
    with reading(engine) as connection:
        move = _move(connection)
        if move is not None:
            at: datetime | None = move.ended_at
            return at
        existing = set(inspect(connection).get_table_names())
        ours = [table for table in STORED_TABLES if table.name in existing]
        filled = [table.name for table in ours if count(connection, table)]
        foreign = existing - {table.name for table in ours}
        foreign = {name for name in foreign if not name.startswith(_ALLOWED_PREFIXES)}
        if filled:
            raise CannotMove(
                f"{display_name(connection)} is not empty: it has rows in {', '.join(filled)}."
            )
        if foreign:
            raise CannotMove(
                f"{display_name(connection)} has tables of another program"
                f" ({', '.join(sorted(foreign))}): give Countersign a database of its own."
            )
    return None


def start(engine: Engine, *, source: str) -> bool:
    """Record that a move has started; returns False if that was recorded before."""
    with writing(engine) as connection:
        moves.create(connection, checkfirst=True)
        if _move(connection) is not None:
            return False
        connection.execute(moves.insert(), {"source": source, "began_at": datetime.now(UTC)})
        return True


def append(engine: Engine, table: StoredTable, rows: Sequence[Stored]) -> None:
    """Add rows in one transaction, on PostgreSQL by COPY."""
    names = [one.name for one in table.clause.columns]
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            _copy_in(connection, table.name, names, rows)
        else:
            by_name = [dict(zip(names, row, strict=True)) for row in rows]
            connection.execute(table.clause.insert(), by_name)


def _copy_in(
    connection: Connection, table: str, names: Sequence[str], rows: Sequence[Stored]
) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    driver: Any = connection.connection.driver_connection
    try:
        with (
            driver.cursor() as cursor,
            cursor.copy(f'COPY "{table}" ({columns}) FROM STDIN') as copying,
        ):
            for row in rows:
                copying.write_row(row)
    except driver.Error as error:
        raise CannotMove(
            f"{display_name(connection)} did not accept rows of {table}: {error}. Start the move"
            " again to resume it."
        ) from error


def empty(engine: Engine) -> None:
    """Delete the rows that an unfinished move has copied, but not its record. Raises CannotMove."""
    with writing(engine) as connection:
        move = _move(connection)
        if move is None or move.ended_at is not None:
            raise CannotMove(f"There is no unfinished move into {display_name(connection)}.")
        if connection.dialect.name == "sqlite":
            raise CannotMove(f"Delete {display_name(connection)} to start over.")
        names = ", ".join(table.name for table in STORED_TABLES)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")


def finish(engine: Engine, numbers: Mapping[str, int]) -> None:
    """Set the sequences to these numbers, by table, and record that the move has finished."""
    with writing(engine) as connection:
        for table in STORED_TABLES:
            if numbers.get(table.name, 0):
                _set_sequence(connection, table, numbers[table.name])
        connection.execute(moves.update(), {"ended_at": datetime.now(UTC)})


def last_sequence_value(connection: Connection, table: StoredTable) -> int:
    """Return the last number of this table's sequence, or 0 if it has none or it is unused."""
    if not table.has_sequence:
        return 0
    if connection.dialect.name == "sqlite":
        query = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :name")
        return int(connection.execute(query, {"name": table.name}).scalar_one())
    query = text("SELECT coalesce(pg_sequence_last_value(CAST(:sequence AS regclass)), 0)")
    sequence = _sequence(connection, table)
    return int(connection.execute(query, {"sequence": sequence}).scalar_one())


def _set_sequence(connection: Connection, table: StoredTable, number: int) -> None:
    if connection.dialect.name == "postgresql":
        values = {"sequence": _sequence(connection, table), "number": number}
        connection.execute(text("SELECT setval(:sequence, :number)"), values)
        return
    values = {"name": table.name, "number": number}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), values)
    connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), values)


def _sequence(connection: Connection, table: StoredTable) -> str:
    query = text("SELECT pg_get_serial_sequence(:name, :key)")
    values = {"name": table.name, "key": table.keys[0].name}
    return str(connection.execute(query, values).scalar_one())


def _move(connection: Connection) -> Row[Any] | None:
    if not inspect(connection).has_table(moves.name):
        return None
    return connection.execute(select(moves)).first()
