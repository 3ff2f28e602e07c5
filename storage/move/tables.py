"""The tables as a move copies them: with their stored values, not the decoded ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    LargeBinary,
    Row,
    Table,
    TableClause,
    TypeDecorator,
    column,
    func,
    select,
    tuple_,
)
from sqlalchemy import (
    table as table_clause,
)
from sqlalchemy.types import TypeEngine

import storage.db.tables  # noqa: F401  # fills it
from storage.db.columns import UtcDateTime
from storage.db.metadata import metadata

Key = tuple[Any, ...]
Stored = tuple[Any, ...]

READ_ROWS: Final = 200
"""Rows that are read at once: an output may be a megabyte."""

READ_FILES: Final = 5
"""The same for a table with the contents of files, of ten megabytes each."""

NUL: Final = "\x00"
NUL_REPLACEMENT: Final = "\ufffd"
"""PostgreSQL's text cannot contain NUL, which is invisible anyway."""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table with its storage types. `keys` are its primary key, at the positions `positions`.

    `has_sequence`: its key is a sequence. `rows_at_once` may be read into memory.
    """

    name: str
    clause: TableClause
    keys: tuple[ColumnClause[Any], ...]
    positions: tuple[int, ...]
    has_sequence: bool
    rows_at_once: int

    def key(self, row: Sequence[Any]) -> Key:
        return tuple(row[position] for position in self.positions)


def _stored_table(of: Table) -> StoredTable:
    columns = list(of.columns)
    stored = [column(one.name, _storage(one.type)) for one in columns]
    positions = tuple(position for position, one in enumerate(columns) if one.primary_key)
    return StoredTable(
        name=of.name,
        clause=table_clause(of.name, *stored),
        keys=tuple(stored[position] for position in positions),
        positions=positions,
        has_sequence=of.autoincrement_column is not None,
        rows_at_once=READ_FILES
        if any(isinstance(one.type, LargeBinary) for one in columns)
        else READ_ROWS,
    )


def _storage(of: TypeEngine[Any]) -> TypeEngine[Any]:
    if isinstance(of, TypeDecorator) and not isinstance(of, UtcDateTime):
        return of.impl_instance
    return of


STORED_TABLES: Final = tuple(_stored_table(one) for one in metadata.sorted_tables)
"""All our tables, those with foreign keys after those they refer to."""


def rows_of(connection: Connection, table: StoredTable) -> Iterator[Row[Any]]:
    """Yield all rows, in no particular order."""
    options = connection.execution_options(yield_per=table.rows_at_once)
    yield from options.execute(select(table.clause))


def rows_after(connection: Connection, table: StoredTable, last: Key | None) -> Iterator[Row[Any]]:
    """Yield the rows after the key `last`, in the order of keys."""
    order = _order(connection, table)
    query = select(table.clause).order_by(*order)
    if last is not None:
        query = query.where(tuple_(*order) > tuple_(*last))
    yield from connection.execution_options(yield_per=table.rows_at_once).execute(query)


def rows_at(connection: Connection, table: StoredTable, keys: Sequence[Key]) -> dict[Key, Stored]:
    """Return the rows with these keys, as far as they exist."""
    rows = connection.execute(select(table.clause).where(tuple_(*table.keys).in_(keys)))
    return {table.key(row): tuple(row) for row in rows}


def last_key(connection: Connection, table: StoredTable) -> Key | None:
    """Return the last key in the order of `rows_after`, or None if the table is empty."""
    order = [one.desc() for one in _order(connection, table)]
    row = connection.execute(select(*table.keys).order_by(*order).limit(1)).first()
    return None if row is None else tuple(row)


def count(connection: Connection, table: StoredTable, *, up_to: Key | None = None) -> int:
    query = select(func.count()).select_from(table.clause)
    if up_to is not None:
        query = query.where(tuple_(*_order(connection, table)) <= tuple_(*up_to))
    return connection.execute(query).scalar_one()


def replace_nul(row: Sequence[Any]) -> Stored:
    return tuple(
        value.replace(NUL, NUL_REPLACEMENT) if isinstance(value, str) and NUL in value else value
        for value in row
    )


def _order(connection: Connection, table: StoredTable) -> tuple[ColumnElement[Any], ...]:
    """Return the order of keys by bytes: PostgreSQL's own order of texts depends on its locale."""
    if connection.dialect.name != "postgresql" or table.has_sequence:
        return table.keys
    return tuple(one.collate("C") for one in table.keys)
