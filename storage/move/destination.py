"""The database that an installation is moved to: empty, or half full of the same move."""

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
from storage.move.source import CannotMove, shown, wait_until_alone
from storage.move.tables import PLAIN, Plain, Stored, count

_MOVING: Final = 5_270_318_463
"""The advisory lock that one move at a time holds on its target."""

_NOT_STRANGE: Final = ("procrastinate_", "countersign_", "alembic_version")

moves = Table(
    "countersign_moves",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("began_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
)
"""One row, in a database that was filled or is being filled by a move; elsewhere no table."""


class HalfMoved(CountersignError):
    """Nothing may work on a database that holds a part of an installation."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"only a part of {source} was moved into it. Let `countersign move` end, or set"
            " DATABASE_URL back."
        )
        self.source = source


def refuse_half_moved(connection: Connection) -> None:
    """Raises HalfMoved."""
    move = _move(connection)
    if move is not None and move.ended_at is None:
        raise HalfMoved(move.source)


@contextmanager
def held_alone(engine: Engine) -> Iterator[None]:
    """No bot works on the database, and no other move goes into it. Raises CannotMove."""
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        wait_until_alone(connection)
        mine = connection.execute(text("SELECT pg_try_advisory_lock(:it)"), {"it": _MOVING})
        if not mine.scalar_one():
            raise CannotMove(f"Another move into {shown(connection)} is going on.")
        yield


def ended(engine: Engine) -> datetime | None:
    """When a move into it ended; None where one may begin or go on. Raises CannotMove."""
    with reading(engine) as connection:
        move = _move(connection)
        if move is not None:
            at: datetime | None = move.ended_at
            return at
        there = set(inspect(connection).get_table_names())
        ours = [plain for plain in PLAIN if plain.name in there]
        filled = [plain.name for plain in ours if count(connection, plain)]
        strange = there - {plain.name for plain in ours}
        strange = {name for name in strange if not name.startswith(_NOT_STRANGE)}
        if filled:
            raise CannotMove(
                f"{shown(connection)} is not empty: it has rows in {', '.join(filled)}."
            )
        if strange:
            raise CannotMove(
                f"{shown(connection)} holds tables of something else"
                f" ({', '.join(sorted(strange))}): give Countersign a database of its own."
            )
    return None


def begin(engine: Engine, *, source: str) -> bool:
    """Note that a move goes on from now on; False where that was noted before."""
    with writing(engine) as connection:
        moves.create(connection, checkfirst=True)
        if _move(connection) is not None:
            return False
        connection.execute(moves.insert(), {"source": source, "began_at": datetime.now(UTC)})
        return True


def append(engine: Engine, plain: Plain, rows: Sequence[Stored]) -> None:
    """In one transaction; a server takes them by COPY."""
    names = [one.name for one in plain.clause.columns]
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            _copy_in(connection, plain.name, names, rows)
        else:
            by_name = [dict(zip(names, row, strict=True)) for row in rows]
            connection.execute(plain.clause.insert(), by_name)


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
            f"{shown(connection)} did not take rows of {table}: {error}. Started again, the move"
            " goes on where it was."
        ) from error


def empty(engine: Engine) -> None:
    """Forget all that an unfinished move has brought; the note of it stays. Raises CannotMove."""
    with writing(engine) as connection:
        move = _move(connection)
        if move is None or move.ended_at is not None:
            raise CannotMove(f"No unfinished move into {shown(connection)} is known.")
        if connection.dialect.name == "sqlite":
            raise CannotMove(f"Delete {shown(connection)} to begin anew.")
        names = ", ".join(plain.name for plain in PLAIN)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")


def end(engine: Engine, numbers: Mapping[str, int]) -> None:
    """New rows get numbers after those given, by table; the move is noted as ended."""
    with writing(engine) as connection:
        for plain in PLAIN:
            if numbers.get(plain.name, 0):
                _go_on_after(connection, plain, numbers[plain.name])
        connection.execute(moves.update(), {"ended_at": datetime.now(UTC)})


def last_number(connection: Connection, plain: Plain) -> int:
    """The last that a row of this table was given, be the row gone or not; 0 at the start."""
    if not plain.counted:
        return 0
    if connection.dialect.name == "sqlite":
        query = text("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = :name")
        return int(connection.execute(query, {"name": plain.name}).scalar_one())
    query = text("SELECT coalesce(pg_sequence_last_value(CAST(:sequence AS regclass)), 0)")
    sequence = _sequence(connection, plain)
    return int(connection.execute(query, {"sequence": sequence}).scalar_one())


def _go_on_after(connection: Connection, plain: Plain, number: int) -> None:
    if connection.dialect.name == "postgresql":
        place = {"sequence": _sequence(connection, plain), "number": number}
        connection.execute(text("SELECT setval(:sequence, :number)"), place)
        return
    place = {"name": plain.name, "number": number}
    connection.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), place)
    connection.execute(text("INSERT INTO sqlite_sequence VALUES (:name, :number)"), place)


def _sequence(connection: Connection, plain: Plain) -> str:
    query = text("SELECT pg_get_serial_sequence(:name, :key)")
    place = {"name": plain.name, "key": plain.keys[0].name}
    return str(connection.execute(query, place).scalar_one())


def _move(connection: Connection) -> Row[Any] | None:
    if not inspect(connection).has_table(moves.name):
        return None
    return connection.execute(select(moves)).first()
