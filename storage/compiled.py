"""Statements made ready once for each database and set of names.

SQLAlchemy's way through a statement (cache, contexts, results) costs several times what a small
statement costs a database. Here its compiler and its types do their work once; after that a value
is bound or read by the same types, and nothing lies between.
"""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from sqlalchemy import Dialect, Insert, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler

Values: TypeAlias = Mapping[str, Any]
Process: TypeAlias = Callable[[Any], Any]


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
class Prepared:
    """`sql` marks its parameters as `?` for SQLite, and as `$1`, `$2` and so on for PostgreSQL."""

    sql: str
    parameters: tuple[_Parameter, ...]
    columns: tuple[tuple[int, Process], ...]
    make: Callable[[Sequence[Any]], Any]

    def bound(self, values: Values) -> list[Any]:
        return [parameter.of(values) for parameter in self.parameters]

    def row(self, columns: Sequence[Any]) -> Any:
        read = [*columns]
        for index, process in self.columns:
            read[index] = process(read[index])
        return self.make(read)


@lru_cache(maxsize=512)
def prepared(
    statement: Insert | Update | Select[Any], dialect: Dialect, given: tuple[str, ...]
) -> Prepared:
    if isinstance(statement, Insert):
        statement = statement.inline()  # else PostgreSQL is asked for the new row's number
    compiled = statement.compile(dialect=dialect, column_keys=[*given])
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
        raise TypeError(f"not to be compiled once: {statement}")
    sql, names = _numbered(compiled) if dialect.name == "postgresql" else _in_order(compiled)
    row = _Row.of(statement, dialect) if isinstance(statement, Select) else _Row((), tuple)
    return Prepared(
        sql=sql,
        parameters=tuple(_parameter(name, compiled, given) for name in names),
        columns=row.columns,
        make=row.make,
    )


_NAMED: Final = re.compile(r"%\((\w+)\)s")


def _in_order(compiled: SQLCompiler) -> tuple[str, list[str]]:
    return str(compiled), compiled.positiontup or []


def _numbered(compiled: SQLCompiler) -> tuple[str, list[str]]:
    """psycopg's names as the server's numbers."""
    names: list[str] = []

    def number(place: re.Match[str]) -> str:
        if place[1] not in names:
            names.append(place[1])
        return f"${names.index(place[1]) + 1}"

    return _NAMED.sub(number, str(compiled)).replace("%%", "%"), names


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
