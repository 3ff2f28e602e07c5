"""Whether two databases hold the same: counts and hashes, and by which rows they differ.

A row's hash is of its stored values as JSON, times in UTC to the microsecond. A table's hash is
the sum of its rows', so that neither database has to bring them in an order.
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

from storage.move.tables import Key, Plain, Stored, rows_after, rows_at, rows_of, without_nul

EXAMPLES: Final = 5
_AT_ONCE: Final = 200
_MODULUS: Final = 2**256

Counted = Callable[[int], None]
"""Told now and then how many rows are done."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A table in two figures."""

    rows: int
    hash: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same on both sides. `how`: missing, changed or added, in the target."""

    key: Key
    how: str


def sum_of(connection: Connection, plain: Plain, counted: Counted) -> Sum:
    rows, total = 0, 0
    for row in rows_of(connection, plain):
        total += _hash(row)
        rows += 1
        counted(rows)
    return Sum(rows, f"{total % _MODULUS:064x}")


def differences(
    source: Connection, target: Connection, plain: Plain, *, most: int = EXAMPLES
) -> tuple[Difference, ...]:
    """The first few, in the order of their keys: what the source has, then what it has not."""
    lost = _against(source, target, plain, absent="missing")
    added = (one for one in _against(target, source, plain, absent="added") if one.how == "added")
    found = list(islice(lost, most))
    return (*found, *islice(added, most - len(found)))


def _against(
    these: Connection, those: Connection, plain: Plain, *, absent: str
) -> Iterator[Difference]:
    for some in _in_parts(rows_after(these, plain, None)):
        by_key = {plain.key(row): row for row in some}
        others = rows_at(those, plain, list(by_key))
        for key, row in by_key.items():
            if key not in others:
                yield Difference(key, absent)
            elif _hash(row) != _hash(others[key]):
                yield Difference(key, "changed")


def _in_parts(rows: Iterator[Any]) -> Iterator[list[Stored]]:
    while some := [tuple(row) for row in islice(rows, _AT_ONCE)]:
        yield some


def _hash(row: Sequence[Any]) -> int:
    written = json.dumps(without_nul(row), default=_moment, separators=(",", ":"))
    return int.from_bytes(blake2b(written.encode(), digest_size=32).digest())


def _moment(value: object) -> str:
    if not isinstance(value, datetime):
        raise TypeError(f"a {type(value).__name__} cannot be compared")
    return value.astimezone(UTC).isoformat(timespec="microseconds")
