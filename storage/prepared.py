"""Statements of `storage.compiled`, given to the driver. Errors come as SQLAlchemy's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

from storage.compiled import Values, joined, prepared

Write: TypeAlias = tuple[Insert | Update, Values]
Question: TypeAlias = tuple[Select[Any], Values]
Answer: TypeAlias = Callable[[], list[Any]]
"""The rows of a question that was sent, whose values go by the names of their columns, too."""

MOST_TOGETHER: Final = 12
"""Writes that one statement does."""


def write(connection: Connection, statement: Insert | Update, values: Values) -> int:
    """How many rows it changed."""
    ready = prepared(statement, connection.dialect, tuple(values))
    changed: int = _execute(connection, ready.sql, ready.bound(values)).rowcount
    return changed


def command(connection: Connection, sql: str) -> None:
    """What takes no values and gives none back."""
    _execute(connection, sql, ())


def ask_for(connection: Connection, sql: str) -> Callable[[], Any]:
    """Ask for a single value now, to be told later."""
    cursor = _execute(connection, sql, None)
    return lambda: cursor.fetchone()[0]


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
    with at_once(connection):
        if connection.dialect.name == "postgresql":
            changed = _write_together(connection, writes)
        else:
            changed = _write_in_turn(connection, writes)
        answers = [ask_later(connection, statement, values) for statement, values in questions]
    return changed(), [answer() for answer in answers]


def _write_in_turn(connection: Connection, writes: Sequence[Write]) -> Callable[[], list[int]]:
    changed: list[int] = []
    for (statement, names), alike in groupby(writes, key=lambda write: (write[0], tuple(write[1]))):
        ready = prepared(statement, connection.dialect, names)
        bound = [ready.bound(values) for _, values in alike]
        if len(bound) > 1 and isinstance(statement, Insert):
            _execute(connection, ready.sql, bound, many=True)
            changed += [1] * len(bound)
        else:
            changed += [_execute(connection, ready.sql, one).rowcount for one in bound]
    return lambda: changed


def _write_together(connection: Connection, writes: Sequence[Write]) -> Callable[[], list[int]]:
    """A server does in one statement what does not depend on one another."""
    sent = []
    for together in _independent(writes):
        ready = joined(
            tuple((statement, tuple(values)) for statement, values in together),
            connection.dialect,
        )
        bound = ready.bound([values for _, values in together])
        sent.append(_execute(connection, ready.sql, bound))
    return lambda: [rows for cursor in sent for rows in cursor.fetchone()]


def _independent(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """In groups within which no row is changed twice, or written and then changed.

    Rows that one statement changes are told apart by its parameters that begin with `of_`.
    """
    together: list[Write] = []
    touched: dict[object, tuple[object, set[object]]] = {}
    for write in writes:
        statement, values = write
        which = tuple(value for name, value in values.items() if name.startswith("of_"))
        by, rows = touched.get(statement.table, (statement, set()))
        changes = isinstance(statement, Update)
        if len(together) >= MOST_TOGETHER or (changes and (by is not statement or which in rows)):
            yield together
            together, touched = [], {}
            by, rows = statement, set()
        together.append(write)
        touched[statement.table] = (statement, rows | {which})
    if together:
        yield together


@contextmanager
def at_once(connection: Connection) -> Iterator[None]:
    """What is executed within is not waited for one by one. Nothing may be read within."""
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemys(connection, error, "") from error


def read(connection: Connection, statement: Select[Any], values: Values) -> list[Any]:
    """The rows, whose values go by the names of their columns, too."""
    return ask_later(connection, statement, values)()


def ask_later(connection: Connection, statement: Select[Any], values: Values) -> Answer:
    """Ask now, to be answered later."""
    ready = prepared(statement, connection.dialect, tuple(values))
    cursor = _execute(connection, ready.sql, ready.bound(values))
    return lambda: [ready.row(columns) for columns in cursor.fetchall()]


def first(connection: Connection, statement: Select[Any], values: Values) -> Any | None:
    return next(iter(read(connection, statement, values)), None)


def _execute(connection: Connection, sql: str, bound: Any, *, many: bool = False) -> Any:
    """The driver's cursor. Both drivers have this shortcut to one, though DB-API does not."""
    driver: Any = connection.connection.dbapi_connection
    try:
        return driver.executemany(sql, bound) if many else driver.execute(sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemys(connection, error, sql) from error


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
