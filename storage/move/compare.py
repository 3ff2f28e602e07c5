"""Comparison of two databases: row counts, hashes, and the rows that differ.

The hash of a row is that of its stored values as JSON, with times in UTC to the microsecond and
bytes in hexadecimal. The hash of a table is the sum of its rows' hashes, so neither database has to
sort them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection

from storage.move.tables import Key, Stored, StoredTable, replace_nul, rows_after, rows_at, rows_of

EXAMPLES: Final = 5
_MODULUS: Final = 2**256

Counted = Callable[[int], None]
"""Called now and then with the number of rows done."""


@dataclass(frozen=True, slots=True)
class Sum:
    """The number of rows of a table, and their hash."""

    rows: int
    hash: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs. `how` is missing, changed or added, seen from the target."""

    key: Key
    how: str


def sum_of(connection: Connection, table: StoredTable, counted: Counted) -> Sum:
    rows, total = 0, 0
    for row in rows_of(connection, table):
        total += _hash(row)
        rows += 1
        counted(rows)
    return Sum(rows, f"{total % _MODULUS:064x}")


def differences(
    source: Connection, target: Connection, table: StoredTable, *, most: int = EXAMPLES
) -> tuple[Difference, ...]:
    """Return the first `most` differences by key: rows of the source, then added ones."""
    of_source = _compare_rows(source, target, table, absent="missing")
    of_target = _compare_rows(target, source, table, absent="added")
    added = (one for one in of_target if one.how == "added")
    first = list(islice(of_source, most))
    return (*first, *islice(added, most - len(first)))


def _compare_rows(
    these: Connection, those: Connection, table: StoredTable, *, absent: str
) -> Iterator[Difference]:
    for batch in _batches_of(rows_after(these, table, None), table.rows_at_once):
        by_key = {table.key(row): row for row in batch}
        others = rows_at(those, table, list(by_key))
        for key, row in by_key.items():
            if key not in others:
                yield Difference(key, absent)
            elif _hash(row) != _hash(others[key]):
                yield Difference(key, "changed")


def _batches_of(rows: Iterator[Any], size: int) -> Iterator[list[Stored]]:
    while batch := [tuple(row) for row in islice(rows, size)]:
        yield batch


def _hash(row: Sequence[Any]) -> int:
    encoded = json.dumps(replace_nul(row), default=_as_text, separators=(",", ":"))
    return int.from_bytes(blake2b(encoded.encode(), digest_size=32).digest())


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, datetime):
        raise TypeError(f"a {type(value).__name__} cannot be compared")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
