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
from functools import lru_cache, partial
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
def prepared(
    statement: Insert | Update | Select[Any], dialect: Dialect, given: tuple[str, ...]
) -> Prepared:
    if isinstance(statement, Insert):
        statement = statement.inline()  # else PostgreSQL is asked for the new row's number
    compiled = statement.compile(dialect=dialect, column_keys=[*given])
    if not isinstance(compiled, SQLCompiler) or compiled.post_compile_params:
        raise TypeError(f"not to be compiled once: {statement}")
    names = (compiled.positiontup if compiled.positional else None) or [*compiled.binds]
    row = _Row.of(statement, dialect) if isinstance(statement, Select) else _Row((), tuple)
    return Prepared(
        sql=str(compiled),
        parameters=tuple(_parameter(name, compiled, given) for name in names),
        is_positional=compiled.positional,
        columns=row.columns,
        make=row.make,
    )


_PLACE: Final = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True, slots=True)
class Joined:
    """One statement that does what several do. It gives a row: how many rows each changed."""

    sql: str
    parts: tuple[Prepared, ...]

    def bound(self, values: Sequence[Values]) -> dict[str, Any]:
        return {
            f"{parameter.name}_{number}": parameter.of(of_part)
            for number, (part, of_part) in enumerate(zip(self.parts, values, strict=True))
            for parameter in part.parameters
        }


def _numbered(number: int, place: re.Match[str]) -> str:
    return f"%({place[1]}_{number})s"


@lru_cache(maxsize=512)
def joined(parts: tuple[tuple[Insert | Update, tuple[str, ...]], ...], dialect: Dialect) -> Joined:
    compiled = tuple(prepared(statement, dialect, given) for statement, given in parts)
    written, counts = [], []
    for number, part in enumerate(compiled):
        sql = _PLACE.sub(partial(_numbered, number), part.sql)
        written.append(f"w{number} AS ({sql} RETURNING 1)")
        counts.append(f"(SELECT count(*) FROM w{number})")  # noqa: S608  # a number of ours
    return Joined(f"WITH {', '.join(written)} SELECT {', '.join(counts)}", compiled)


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
