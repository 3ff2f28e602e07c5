"""The one way to run a statement of a use case or a read: `execute`.

A statement is sent by the call, and the call raises its errors. Inside `pipeline`, PostgreSQL gets
all statements together; waiting and errors then happen when a result is read or the block ends.

SQLAlchemy compiles statements, converts values, keeps the connections, and calls its listeners for
`before_cursor_execute` and `after_cursor_execute`. The statement itself goes to the driver's own
cursor: psycopg's RawCursor on PostgreSQL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from storage.db.compiled import Compiled, Statement, Values, compiled


class Result:
    """The rows that a statement returned, as named tuples, and how many it changed."""

    def __init__(self, cursor: Any, statement: Compiled) -> None:
        self._cursor = cursor
        self._statement = statement
        self._fetched: tuple[list[Any], int] | None = None

    @property
    def rows(self) -> list[Any]:
        return self.fetch()[0]

    @property
    def changed(self) -> int:
        return self.fetch()[1]

    def first(self) -> Any | None:
        """The first row, or None."""
        return next(iter(self.rows), None)

    def scalar(self) -> Any | None:
        """The first row's first column, or None if there is no row."""
        return None if (row := self.first()) is None else row[0]

    def scalars(self) -> list[Any]:
        """The first column of each row."""
        return [row[0] for row in self.rows]

    def fetch(self) -> tuple[list[Any], int]:
        if self._fetched is None:
            cursor = self._cursor
            if _is_in_pipeline(cursor.connection):
                with cursor.connection.pipeline() as nested:
                    nested.sync()
            returns_rows = self._statement.make_row is not None
            rows = self._statement.rows(cursor.fetchall()) if returns_rows else []
            self._fetched = rows, cursor.rowcount
        return self._fetched


def execute(connection: Connection, statement: Statement, values: Values | None = None) -> Result:
    """Run a statement once. Raises the same errors as SQLAlchemy's own `execute`."""
    values = {} if values is None else values
    ready = compiled(statement, connection.dialect, tuple(values))
    sql, bound = ready.expand(values)
    return _run(connection, ready, sql, bound, many=False)


def execute_many(connection: Connection, statement: Statement, rows: Sequence[Values]) -> Result:
    """Run a statement once for each set of values, all with the same names.

    PostgreSQL gets all of them together. `changed` is the sum.
    """
    ready = compiled(statement, connection.dialect, tuple(rows[0]))
    if ready.expands is not None:
        raise TypeError(f"an IN list takes one set of values: {statement}")
    return _run(connection, ready, ready.sql, [ready.bind(row) for row in rows], many=True)


@contextmanager
def pipeline(connection: Connection) -> Iterator[None]:
    """Send the statements of the block together. After an error the server skips the rest.

    On SQLite, which has no round trips, each statement runs at its call.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    from storage.db import postgresql

    try:
        with postgresql.driver_of(connection).pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise _to_sqlalchemy_error(connection, error, "a pipeline") from error


def _run(
    connection: Connection, ready: Compiled, sql: str, values: list[Any], *, many: bool
) -> Result:
    try:
        cursor = _cursor(connection)
        context = SimpleNamespace(compiled=None, executemany=many)
        for before in connection.dispatch.before_cursor_execute:
            sql, values = before(connection, cursor, sql, values, context, many)
        if many:
            cursor.executemany(sql, values)
        else:
            cursor.execute(sql, values)
        for after in connection.dispatch.after_cursor_execute:
            after(connection, cursor, sql, values, context, many)
        result = Result(cursor, ready)
        if not _is_in_pipeline(cursor.connection):
            result.fetch()
    except connection.dialect.loaded_dbapi.Error as error:
        raise _to_sqlalchemy_error(connection, error, sql) from error
    return result


def _is_in_pipeline(driver: object) -> bool:
    if isinstance(driver, sqlite3.Connection):
        return False
    from storage.db import postgresql

    return postgresql.is_in_pipeline(driver)


def _cursor(connection: Connection) -> Any:
    if connection.dialect.name != "postgresql":
        driver: Any = connection.connection.driver_connection
        return driver.cursor()
    from storage.db import postgresql

    return postgresql.cursor(connection)


def _to_sqlalchemy_error(connection: Connection, error: Exception, sql: str) -> BaseException:
    """Convert a driver's error. If the connection is broken, the whole pool is replaced."""
    dialect = connection.dialect
    broken = dialect.is_disconnect(
        error,  # type: ignore[arg-type]  # the driver's error, whose class is not imported here
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
