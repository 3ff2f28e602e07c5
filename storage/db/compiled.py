"""Statements compiled once for each database and set of parameter names.

SQLAlchemy's own execution of a statement (cache, contexts, results) costs several times what a
small statement costs the database. Here its compiler runs once for each statement; after that,
values are converted by SQLAlchemy's types, and the driver gets the same text each time.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Delete, Dialect, Insert, Select, Update
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.sql.compiler import SQLCompiler

Statement: TypeAlias = Select[Any] | Insert | Update | Delete
Values: TypeAlias = Mapping[str, Any]
Convert: TypeAlias = Callable[[Any], Any]

_DOLLARS: Final = psycopg.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy's
"""psycopg's dialect with the server's own parameters, `$1` and `$2`, for a RawCursor."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled statement. Its parameters are `?` for SQLite, and `$1`, `$2` for PostgreSQL.

    `defaults` are the values of parameters that the caller leaves out. `converters` convert the
    values to send, by name, and `columns` those that are read, by position. `expands` is set if the
    text depends on the length of an IN list.
    """

    sql: str
    parameters: tuple[str, ...]
    defaults: Mapping[str, Any]
    converters: tuple[tuple[str, Convert], ...]
    columns: tuple[tuple[int, Convert], ...]
    make_row: Callable[[Sequence[Any]], Any] | None
    expands: SQLCompiler | None

    def bind(self, values: Values) -> list[Any]:
        converted = self._converted(values)
        return [converted[name] for name in self.parameters]

    def expand(self, values: Values) -> tuple[str, list[Any]]:
        """Return the text for IN lists of these lengths, and the values in its order."""
        if self.expands is None:
            return self.sql, self.bind(values)
        expanded = self.expands.construct_expanded_state(self._converted(values))
        bound = {
            name: convert(value)
            if (convert := expanded.processors.get(name)) is not None
            else value
            for name, value in expanded.parameters.items()
        }
        return expanded.statement, [bound[name] for name in expanded.positiontup or ()]

    def _converted(self, values: Values) -> dict[str, Any]:
        converted = {**self.defaults, **values}
        for name, convert in self.converters:
            converted[name] = convert(converted[name])
        return converted

    def rows(self, fetched: Sequence[Sequence[Any]]) -> list[Any]:
        """Return the fetched rows as named tuples of converted values."""
        make_row = self.make_row or tuple
        if not self.columns:
            return [make_row(columns) for columns in fetched]
        rows = []
        for columns in fetched:
            values = [*columns]
            for index, convert in self.columns:
                values[index] = convert(values[index])
            rows.append(make_row(values))
        return rows


@lru_cache(maxsize=512)
def compiled(statement: Statement, dialect: Dialect, names: tuple[str, ...]) -> Compiled:
    """Return the compiled statement. Raises TypeError if a parameter has no name and no default."""
    if dialect.name == "postgresql":
        dialect = _DOLLARS
    if isinstance(statement, Insert):
        statement = statement.inline()  # no RETURNING for the new row's key
    compiler = statement.compile(dialect=dialect, column_keys=[*names])
    if not isinstance(compiler, SQLCompiler):
        raise TypeError(f"no SQL: {statement}")
    parameters = tuple(compiler.positiontup or ())
    lists = {compiler.bind_names[parameter] for parameter in compiler.post_compile_params}
    converters = {name: _bind_processor(name, compiler) for name in {*parameters} - lists}
    defaults = {name: _default(name, compiler) for name in parameters if name not in names}
    for name, value in defaults.items():
        if (convert := converters.get(name)) is not None:
            defaults[name] = convert(value)
    columns = [*statement.exported_columns]
    return Compiled(
        sql=str(compiler),
        parameters=parameters,
        defaults=defaults,
        converters=tuple(
            (name, convert)
            for name, convert in converters.items()
            if name in names and convert is not None
        ),
        columns=tuple(
            (index, convert)
            for index, column in enumerate(columns)
            if (convert := column.type.dialect_impl(dialect).result_processor(dialect, None))
            is not None
        ),
        make_row=_row_type(columns) if columns else None,
        expands=compiler if lists else None,
    )


def _row_type(columns: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
    row = namedtuple("row", [column.key or "_" for column in columns], rename=True)  # type: ignore[misc]  # the names are the statement's
    return row._make


def _bind_processor(name: str, compiler: SQLCompiler) -> Convert | None:
    kind = compiler.binds[name].type.dialect_impl(compiler.dialect)
    return kind.bind_processor(compiler.dialect)


def _default(name: str, compiler: SQLCompiler) -> Any:
    """Return the value of a parameter that the caller leaves out: a literal or a column default."""
    bind = compiler.binds[name]
    if bind.required:
        raise TypeError(f"no value for the parameter {name}")
    columns: dict[str, Any] = {column.key: column.default for column in compiler.insert_prefetch}
    return columns[name].arg if name in columns else bind.value
