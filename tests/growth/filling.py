"""Fills a database with copies of lives, by statements that run inside the database.

The same seed produces the same rows. Ids are scattered over their indexes like random ones, rows
are in the order of time, and waiting executions are between those that ended.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Boolean, Column, Connection, Integer

import storage.db.tables  # noqa: F401  # fills it
from storage.db.columns import UtcDateTime
from storage.db.engines import open_engine
from storage.db.metadata import metadata
from tests.growth.lives import (
    BEGAN,
    CHANNEL,
    DUE,
    EPOCH,
    GOES_ON,
    MARK,
    TABLES,
    TIMEOUT,
    WAITING,
    Life,
    Stored,
)

CHANNELS: Final = tuple(f"CGROWTH{number:02d}" for number in range(5))
SINCE: Final = timedelta(days=365)
WAITED: Final = timedelta(days=10)
"""The longest time that an execution waits: no reminder is due yet."""

KEPT: Final = timedelta(hours=48)
"""How long the product keeps a delivery in the inbox."""

OVERDUE: Final = timedelta(minutes=1)
LONGEST: Final = 60
"""Seconds from the start of a waiting life to its checkpoint, at most."""

CHUNK: Final = 20_000
LARGE: Final = 50_000
"""From this many executions on, indexes are dropped, and built again after filling."""

_SCATTER: Final = 2_654_435_761
"""An odd number: multiplying by it permutes the numbers below 2**32."""

_FIRST_EPOCH: Final = 1_000_000_000
_INSTEAD: Final = {MARK: "n.mark", EPOCH: "n.epoch", CHANNEL: "n.channel"}


class Number(NamedTuple):
    """One copy: its life, and what replaces the marks. `shift`: seconds after BEGAN."""

    n: int
    life: str
    mark: str
    epoch: str
    channel: str
    shift: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many executions of each kind. `due`: past a deadline that ends them; `lenient`: past one
    that lets them continue; `halfway`: their reminder is due."""

    ended: int = 0
    waiting: int = 0
    due: int = 0
    lenient: int = 0
    halfway: int = 0


class Filler:
    """Fills the database at `url`, once or several times."""

    def __init__(self, url: str, lives: Sequence[Life], *, seed: int) -> None:
        self._url = url
        self._lives = {life.name: life for life in lives}
        self._random = random.Random(seed)

    def fill(self, crowd: Crowd, *, now: datetime) -> None:
        """`now` is the end of the time span of the copies.

        Large fills are written without a log, so nothing else may have the database open.
        """
        engine = open_engine(self._url)
        try:
            with engine.connect() as connection:
                there = connection.exec_driver_sql("SELECT count(*) FROM executions").scalar_one()
                numbers = self._numbers(crowd, now, first=int(there))
                many = len(numbers) >= LARGE
                _prepare(connection, many=many)
                _load(connection, numbers, self._lives.values())
                with _without_indexes(connection) if many else nullcontext():
                    for start in range(there, there + len(numbers), CHUNK):
                        for table in TABLES:
                            copying = _copying(connection, table, self._lives.values(), start=start)
                            connection.exec_driver_sql(copying)
                        connection.commit()
                _settle(connection, many=many)
        finally:
            engine.dispose()

    def _numbers(self, crowd: Crowd, now: datetime, *, first: int) -> list[Number]:
        ended = [life for life in self._lives.values() if life.weight > 0]
        weights = [life.weight for life in ended]
        began = int((now - BEGAN).total_seconds())
        wait = int(TIMEOUT.total_seconds())
        chosen = self._random.choices(ended, weights, k=crowd.ended)
        born = [(began - self._ago(SINCE), life.name) for life in chosen]
        for many, name, since, at_least in (
            (crowd.waiting, WAITING, WAITED, 0),
            (crowd.halfway, WAITING, OVERDUE, wait // 2 + LONGEST),
            (crowd.due, DUE, OVERDUE, wait + LONGEST),
            (crowd.lenient, GOES_ON, OVERDUE, wait + LONGEST),
        ):
            born += [(began - at_least - self._ago(since), name) for _ in range(many)]
        kept = began - int(KEPT.total_seconds())
        return [
            Number(
                n=n,
                life=life,
                mark=f"{n * _SCATTER % 2**32:08x}-{n % 2**16:04x}",
                epoch=str(_FIRST_EPOCH + n),
                channel=self._random.choice(CHANNELS),
                shift=shift,
                fresh=shift > kept,
            )
            for n, (shift, life) in enumerate(sorted(born), first)
        ]

    def _ago(self, within: timedelta) -> int:
        return self._random.randrange(1, int(within.total_seconds()))


def _prepare(connection: Connection, *, many: bool) -> None:
    """Filling is not measured, so switch off limits and the checks of foreign keys."""
    if connection.dialect.name == "sqlite":
        pragmas = ["foreign_keys=OFF", "cache_size=-2000000", "temp_store=MEMORY"]
        pragmas += ["journal_mode=OFF", "synchronous=OFF"] if many else []
        for pragma in pragmas:
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        return
    for setting in (
        "session_replication_role = replica",
        "statement_timeout = 0",
        "idle_in_transaction_session_timeout = 0",
        "work_mem = '256MB'",
        "maintenance_work_mem = '1GB'",
        "synchronous_commit = off",
    ):
        connection.exec_driver_sql(f"SET {setting}")
    connection.commit()


def _settle(connection: Connection, *, many: bool) -> None:
    """Bring the database into the state that it has after a while: checkpointed and analyzed."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        return
    few = connection.exec_driver_sql("SELECT count(*) < 50000 FROM executions").scalar_one()
    connection.commit()
    if not (many or few):
        return
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql(f"VACUUM ANALYZE {', '.join(TABLES)}")


def _load(connection: Connection, numbers: Sequence[Number], lives: Iterable[Life]) -> None:
    """Load the numbers and the rows of the lives into tables that the copying statements join."""
    connection.exec_driver_sql(
        "CREATE TEMPORARY TABLE growth_numbers (n INTEGER PRIMARY KEY, life TEXT, mark TEXT,"
        " epoch TEXT, channel TEXT, shift INTEGER, fresh BOOLEAN)"
    )
    _insert(connection, "growth_numbers", numbers)
    for table in TABLES:
        columns = _columns(table)
        kinds = ", ".join(f"{_quoted(column.name)} {_kind(column)}" for column in columns)
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE growth_{table} (of_life TEXT, of_place INTEGER, {kinds},"
            " PRIMARY KEY (of_life, of_place))"
        )
        rows = [
            (life.name, place, *(row[column.name] for column in columns))
            for life in lives
            for place, row in enumerate(life.rows[table])
        ]
        _insert(connection, f"growth_{table}", rows)
    if connection.dialect.name == "postgresql":
        for table in ("numbers", *TABLES):
            connection.exec_driver_sql(f"ANALYZE growth_{table}")
    connection.commit()


def _insert(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(rows[0]))
        connection.exec_driver_sql(f"INSERT INTO {table} VALUES ({places})", list(rows))
        return
    driver = connection.connection.driver_connection
    assert driver is not None, "the connection is open"
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _copying(connection: Connection, table: str, lives: Iterable[Life], *, start: int) -> str:
    """The statement that copies the rows of CHUNK executions, in the order of time."""
    columns = _columns(table)
    names = ", ".join(_quoted(column.name) for column in columns)
    rows = [row for life in lives for row in life.rows[table]]
    copied = ", ".join(_copy_of(connection, c, _marks_in(rows, c.name)) for c in columns)
    kept = " AND n.fresh" if table == "inbox" else ""
    return (
        f"INSERT INTO {table} ({names}) SELECT {copied} FROM growth_numbers n"
        f" CROSS JOIN growth_{table} t WHERE t.of_life = n.life"
        f" AND n.n >= {start} AND n.n < {start + CHUNK}{kept} ORDER BY n.n, t.of_place"
    )


def _copy_of(connection: Connection, column: Column[Any], marks: Iterable[str]) -> str:
    value = f"t.{_quoted(column.name)}"
    if isinstance(column.type, UtcDateTime):
        if connection.dialect.name == "postgresql":
            return f"{value} + make_interval(secs => n.shift)"
        return f"strftime('%Y-%m-%d %H:%M:%f', {value}, n.shift || ' seconds') || '000'"
    for mark in marks:
        value = f"replace({value}, '{mark}', {_INSTEAD[mark]})"
    return value


def _marks_in(rows: Iterable[Stored], column: str) -> list[str]:
    return [mark for mark in _INSTEAD if any(mark in str(row[column]) for row in rows)]


def _columns(table: str) -> list[Column[Any]]:
    """All columns except the number that the database assigns."""
    return [column for column in metadata.tables[table].columns if column.name != "seq"]


def _kind(column: Column[Any]) -> str:
    if isinstance(column.type, UtcDateTime):
        return "TIMESTAMP WITH TIME ZONE"
    if isinstance(column.type, Boolean):
        return "BOOLEAN"
    return "INTEGER" if isinstance(column.type, Integer) else "TEXT"


def _quoted(name: str) -> str:
    return f'"{name}"'


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Drop the indexes that no constraint needs, and build them again at the end."""
    if connection.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    else:
        query = (
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
            f" AND tablename IN ({', '.join(map(repr, TABLES))})"
        )
    indexes = connection.exec_driver_sql(query).all()
    for name, _ in indexes:
        connection.exec_driver_sql(f"DROP INDEX {_quoted(name)}")
    connection.commit()
    yield
    for _, definition in indexes:
        connection.exec_driver_sql(definition)
    connection.commit()
