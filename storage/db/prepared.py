"""Statements of `storage.db.compiled`, given to the driver. Errors come as SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from sqlalchemy import Connection, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

from storage.answers import Answer, Asked
from storage.db.compiled import Values, prepared
from storage.db.engines import prepares

if TYPE_CHECKING:
    from storage.db.wire import Wire

Write: TypeAlias = tuple[Insert | Update, Values]
Question: TypeAlias = tuple[Select[Any], Values]

WIRE: Final = "countersign_wire"
"""Under what name a connection's Wire is kept with it."""


def write(connection: Connection, statement: Insert | Update, values: Values) -> int:
    """How many rows it changed."""
    ready = prepared(statement, connection.dialect, tuple(values))
    [done] = _execute(connection, [(ready.sql, ready.bound(values))])
    return done.changed


def read(connection: Connection, statement: Select[Any], values: Values) -> list[Any]:
    """The rows, whose values go by the names of their columns, too."""
    _, [rows] = write_and_ask(connection, (), [(statement, values)])
    return rows


def first(connection: Connection, statement: Select[Any], values: Values) -> Any | None:
    return next(iter(read(connection, statement, values)), None)


def write_in_turn(connection: Connection, writes: Sequence[Write]) -> list[int]:
    """How many rows each of them changed."""
    changed, _ = write_and_ask(connection, writes, ())
    return changed


def write_and_ask(
    connection: Connection, writes: Sequence[Write], questions: Sequence[Question]
) -> tuple[list[int], list[list[Any]]]:
    """How many rows each write changed, and what each question then found.

    A server is sent all of it before it answers.
    """
    dialect = connection.dialect
    asked = [(prepared(statement, dialect, tuple(given)), given) for statement, given in questions]
    selects = [(ready.sql, ready.bound(given)) for ready, given in asked]
    if dialect.name == "postgresql":
        ready = [(prepared(statement, dialect, tuple(given)), given) for statement, given in writes]
        done = _execute(connection, [(r.sql, r.bound(given)) for r, given in ready] + selects)
        changed = [answer.changed for answer in done[: len(writes)]]
    else:
        changed = _write_in_turn(connection, writes)
        done = _execute(connection, selects)
    answers = done[len(done) - len(selects) :]
    found = [
        [ready.row(columns) for columns in answer.rows]
        for (ready, _), answer in zip(asked, answers, strict=True)
    ]
    return changed, found


def command(connection: Connection, sql: str) -> None:
    """What takes no values and gives none back."""
    _execute(connection, [(sql, ())])


def commit(connection: Connection) -> None:
    """By the shorter way: SQLAlchemy then finds nothing left to commit."""
    driver: Any = connection.connection.dbapi_connection
    try:
        if connection.dialect.name == "postgresql":
            _wire(connection).commit()
        else:
            driver.commit()
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemys(connection, error, "COMMIT") from error


def _write_in_turn(connection: Connection, writes: Sequence[Write]) -> list[int]:
    changed: list[int] = []
    driver: Any = connection.connection.dbapi_connection
    for (statement, names), alike in groupby(writes, key=_kind):
        ready = prepared(statement, connection.dialect, names)
        bound = [ready.bound(values) for _, values in alike]
        try:
            if isinstance(statement, Insert):
                driver.executemany(ready.sql, bound)
                changed += [1] * len(bound)
            else:
                changed += [driver.execute(ready.sql, one).rowcount for one in bound]
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_sqlalchemys(connection, error, ready.sql) from error
    return changed


def _kind(write: Write) -> tuple[Insert | Update, tuple[str, ...]]:
    statement, values = write
    return statement, tuple(values)


def _execute(connection: Connection, asked: Sequence[Asked]) -> list[Answer]:
    if not asked:
        return []
    try:
        if connection.dialect.name == "postgresql":
            return _wire(connection).exchange(asked)
        driver: Any = connection.connection.dbapi_connection
        done = [driver.execute(sql, values) for sql, values in asked]
        return [Answer(cursor.fetchall(), cursor.rowcount) for cursor in done]
    except connection.dialect.loaded_dbapi.Error as error:
        together = "; ".join(sql for sql, _ in asked)
        raise _as_sqlalchemys(connection, error, together) from error


def _wire(connection: Connection) -> Wire:
    """It lasts as long as the connection below, which the pool hands out again and again."""
    known = connection.info
    if WIRE not in known:
        from storage.db.wire import Wire  # needs psycopg, which an installation for SQLite lacks

        driver: Any = connection.connection.driver_connection
        known[WIRE] = Wire(driver, prepares=prepares(connection.engine))
    wire: Wire = known[WIRE]
    return wire


def _as_sqlalchemys(connection: Connection, error: Exception, sql: str) -> BaseException:
    """As SQLAlchemy raises it. A broken connection goes out of the pool, with those beside it."""
    dialect = connection.dialect
    broken = dialect.is_disconnect(
        error,  # type: ignore[arg-type]  # the driver's, known here by its module alone
        connection.connection.dbapi_connection,
        None,
    )
    if broken:
        connection.invalidate(error)
        connection.engine.dispose()
    return DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=broken,
        dialect=dialect,
    )
