"""The tables as a move sees them: values as they are stored, whatever they mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Row,
    Table,
    TableClause,
    TypeDecorator,
    column,
    func,
    select,
    table,
    tuple_,
)
from sqlalchemy.types import TypeEngine

from storage.db.columns import UtcDateTime
from storage.db.tables import metadata

Key = tuple[Any, ...]
Stored = tuple[Any, ...]

READ_ROWS: Final = 200
"""Rows that are in memory at once while a table is read: an output may be a megabyte."""

NUL: Final = "\x00"
INSTEAD_OF_NUL: Final = "\ufffd"
"""PostgreSQL's text holds every character but one. Nobody can see that one."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A table with the types of its storage; its rows are known, and ordered, by `keys`."""

    name: str
    clause: TableClause
    keys: tuple[ColumnClause[Any], ...]
    places: tuple[int, ...]
    counted: bool

    def key(self, row: Sequence[Any]) -> Key:
        return tuple(row[place] for place in self.places)

    def in_words(self, key: Key) -> str:
        return f"{self.name} {' '.join(map(str, key))}"


def _plain(of: Table) -> Plain:
    columns = list(of.columns)
    stored = [column(one.name, _storage(one.type)) for one in columns]
    places = tuple(place for place, one in enumerate(columns) if one.primary_key)
    return Plain(
        name=of.name,
        clause=table(of.name, *stored),
        keys=tuple(stored[place] for place in places),
        places=places,
        counted=of.autoincrement_column is not None,
    )


def _storage(of: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(of, TypeDecorator) and not isinstance(of, UtcDateTime):
        return of.impl_instance
    return of


PLAIN: Final = tuple(_plain(one) for one in metadata.sorted_tables)
"""Every table of ours, those that others refer to first."""


def rows_of(connection: Connection, plain: Plain) -> Iterator[Row[Any]]:
    """All of its rows, in no order."""
    yield from connection.execution_options(yield_per=READ_ROWS).execute(select(plain.clause))


def rows_after(connection: Connection, plain: Plain, last: Key | None) -> Iterator[Row[Any]]:
    """Its rows in the order of their keys, from the one behind `last` on."""
    order = _order(connection, plain)
    query = select(plain.clause).order_by(*order)
    if last is not None:
        query = query.where(tuple_(*order) > tuple_(*last))
    yield from connection.execution_options(yield_per=READ_ROWS).execute(query)


def rows_at(connection: Connection, plain: Plain, keys: Sequence[Key]) -> dict[Key, Stored]:
    """Those of these keys that are there."""
    wanted = tuple_(*plain.keys).in_(keys)
    found = connection.execute(select(plain.clause).where(wanted))
    return {plain.key(row): tuple(row) for row in found}


def last_key(connection: Connection, plain: Plain) -> Key | None:
    """The last in the order of `rows_after`; None of an empty table."""
    order = [one.desc() for one in _order(connection, plain)]
    found = connection.execute(select(*plain.keys).order_by(*order).limit(1)).first()
    return None if found is None else tuple(found)


def count(connection: Connection, plain: Plain, *, up_to: Key | None = None) -> int:
    query = select(func.count()).select_from(plain.clause)
    if up_to is not None:
        query = query.where(tuple_(*_order(connection, plain)) <= tuple_(*up_to))
    return connection.execute(query).scalar_one()


def without_nul(row: Sequence[Any]) -> Stored:
    return tuple(
        value.replace(NUL, INSTEAD_OF_NUL) if isinstance(value, str) and NUL in value else value
        for value in row
    )


def _order(connection: Connection, plain: Plain) -> tuple[ColumnElement[Any], ...]:
    """By bytes on both: a server's own order of texts depends on its language."""
    if connection.dialect.name != "postgresql" or plain.counted:
        return plain.keys
    return tuple(one.collate("C") for one in plain.keys)
