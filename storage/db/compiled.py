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
class Prepared:
    """`sql` marks its parameters as `?` for SQLite, and as `$1`, `$2` and so on for PostgreSQL.

    `always` are the values of those that are not given. `given` and `columns` are the places of
    values that are not sent, or taken, as they are.
    """

    sql: str
    parameters: tuple[str, ...]
    always: dict[str, Any]
    given: tuple[tuple[int, Process], ...]
    columns: tuple[tuple[int, Process], ...]
    make: Callable[[Sequence[Any]], Any]

    def bound(self, values: Values) -> list[Any]:
        known = {**self.always, **values} if self.always else values
        bound = [known[name] for name in self.parameters]
        for index, process in self.given:
            bound[index] = process(bound[index])
        return bound

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
        parameters=tuple(names),
        always={name: _always(name, compiled) for name in names if name not in given},
        given=tuple(
            (index, process)
            for index, name in enumerate(names)
            if name in given and (process := _process(name, compiled)) is not None
        ),
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


def _process(name: str, compiled: SQLCompiler) -> Process | None:
    kind = compiled.binds[name].type.dialect_impl(compiled.dialect)
    return kind.bind_processor(compiled.dialect)


def _always(name: str, compiled: SQLCompiler) -> Any:
    """What is sent where no value is given: a literal of the statement, or a column's default."""
    bind = compiled.binds[name]
    if bind.required:
        raise TypeError(f"{name} is not given")
    defaults: dict[str, Any] = {column.key: column.default for column in compiled.insert_prefetch}
    always = defaults[name].arg if name in defaults else bind.value
    process = _process(name, compiled)
    return always if process is None else process(always)


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
