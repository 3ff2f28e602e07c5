"""Statements that are compiled once for each database and set of names, and given to the driver.

SQLAlchemy's way through a statement (cache, contexts, results) costs several times what a small
statement costs a database. Here its compiler and its types do their work once; after that a value
is bound or read by the same types, and nothing lies between. Errors come as SQLAlchemy's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from sqlalchemy import Connection, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values: TypeAlias = Mapping[str, Any]
Process: TypeAlias = Callable[[Any], Any]


def write(connection: Connection, statement: Insert | Update, values: Values) -> int:
    """How many rows it changed."""
    prepared = _prepared(statement, connection.dialect, tuple(values))
    changed: int = _execute(connection, prepared.sql, prepared.bound(values)).rowcount
    return changed


def command(connection: Connection, sql: str) -> None:
    """What takes no values and gives none back."""
    _execute(connection, sql, ())


def ask(connection: Connection, sql: str) -> Any:
    """A single value. As the first of a transaction it is sent together with its BEGIN."""
    with _at_once(connection):
        cursor = _execute(connection, sql, None)
    return cursor.fetchone()[0]


def write_in_turn(
    connection: Connection, writes: Sequence[tuple[Insert | Update, Values]]
) -> list[int]:
    """How many rows each of them changed. A server is sent them all before it answers."""
    with _at_once(connection):
        sent = []
        for statement, values in writes:
            prepared = _prepared(statement, connection.dialect, tuple(values))
            sent.append(_execute(connection, prepared.sql, prepared.bound(values)))
    return [cursor.rowcount for cursor in sent]


@contextmanager
def _at_once(connection: Connection) -> Iterator[None]:
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
    prepared = _prepared(statement, connection.dialect, tuple(values))
    found = _execute(connection, prepared.sql, prepared.bound(values)).fetchall()
    return [prepared.row(columns) for columns in found]


def first(connection: Connection, statement: Select[Any], values: Values) -> Any | None:
    return next(iter(read(connection, statement, values)), None)


def _execute(connection: Connection, sql: str, bound: Any) -> Any:
    """The driver's cursor. Both drivers have this shortcut to one, though DB-API does not."""
    driver: Any = connection.connection.dbapi_connection
    try:
        return driver.execute(sql, bound)
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


@dataclass(frozen=True, slots=True)
class _Parameter:
    """`process` makes of a value what the driver takes; `always` stands where none is given."""

    name: str
    is_given: bool
    process: Process | None
    always: Any

    def of(self, values: Values) -> Any:
        if not self.is_given:
            return self.always
        value = values[self.name]
        return value if self.process is None else self.process(value)


@dataclass(frozen=True, slots=True)
class _Prepared:
    sql: str
    parameters: tuple[_Parameter, ...]
    is_positional: bool
    columns: tuple[tuple[int, Process], ...]
    make: Callable[[Sequence[Any]], Any]

    def bound(self, values: Values) -> Any:
        if self.is_positional:
            return [parameter.of(values) for parameter in self.parameters]
        return {parameter.name: parameter.of(values) for parameter in self.parameters}

    def row(self, columns: Sequence[Any]) -> Any:
        read = [*columns]
        for index, process in self.columns:
            read[index] = process(read[index])
        return self.make(read)


@lru_cache(maxsize=512)
def _prepared(
    statement: Insert | Update | Select[Any], dialect: Dialect, given: tuple[str, ...]
) -> _Prepared:
    if isinstance(statement, Insert):
        statement = statement.inline()  # else PostgreSQL is asked for the new row's number
    compiled = statement.compile(dialect=dialect, column_keys=[*given])
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
        raise TypeError(f"not to be compiled once: {statement}")
    names = (compiled.positiontup if compiled.positional else None) or [*compiled.binds]
    row = _Row.of(statement, dialect) if isinstance(statement, Select) else _Row((), tuple)
    return _Prepared(
        sql=str(compiled),
        parameters=tuple(_parameter(name, compiled, given) for name in names),
        is_positional=compiled.positional,
        columns=row.columns,
        make=row.make,
    )


def _parameter(name: str, compiled: SQLCompiler, given: tuple[str, ...]) -> _Parameter:
    bind = compiled.binds[name]
    process = bind.type.dialect_impl(compiled.dialect).bind_processor(compiled.dialect)
    if name in given:
        return _Parameter(name, True, process, None)
    if bind.required:
        raise TypeError(f"{name} is not given")
    defaults: dict[str, Any] = {column.key: column.default for column in compiled.insert_prefetch}
    always = defaults[name].arg if name in defaults else bind.value
    return _Parameter(name, False, None, always if process is None else process(always))


@dataclass(frozen=True, slots=True)
class _Row:
    """`columns`: those that are not taken as the driver gives them."""

    columns: tuple[tuple[int, Process], ...]
    make: Callable[[Sequence[Any]], Any]

    @classmethod
    def of(cls, statement: Select[Any], dialect: Dialect) -> _Row:
        columns = [*statement.selected_columns]
        named = namedtuple("named", [column.key or "_" for column in columns], rename=True)  # type: ignore[misc]  # the names are the statement's
        kinds = [column.type.dialect_impl(dialect) for column in columns]
        processes = [kind.result_processor(dialect, None) for kind in kinds]
        return cls(
            tuple((n, process) for n, process in enumerate(processes) if process is not None),
            named._make,
        )
