"""Verification of the audit log: whether its rows are those that were written, in that order.

The rows are read in batches, each in a short snapshot, so writers go on and memory stays flat.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    column,
    select,
)
from sqlalchemy import table as table_clause

from storage.audit_chain import GENESIS, ChainHead, digest, row_hash
from storage.db import sql
from storage.db.audit import EMPTIED, HEAD, REDACTED
from storage.db.columns import from_database
from storage.db.database import reading

ROWS_AT_ONCE: Final = 1000
_BEFORE_ALL: Final = -(2**63)
_FURTHEST_SHIFT: Final = 1000
"""How far a row's number is guessed to have been changed, to say what happened."""

_CHANGED_CONTENT: Final = "the actor, the details or the digest of the row was changed"
_CHANGED_ROW: Final = (
    "it is not the row that was written here: its time, its execution or its event was changed, it "
    "was exchanged with another row, or a row before it was removed"
)

_AUDIT: Final = table_clause(
    "audit",
    column("seq", Integer),
    column("at"),  # without a type: on SQLite a changed one may be no time
    column("execution_id", String),
    column("event", String),
    column("actor", Text),
    column("details", Text),
    column("salt", String),
    column("digest", String),
    column("hash", String),
)

_ROWS_AFTER: Final[Select[Any]] = (
    select(*_AUDIT.c)
    .where(_AUDIT.c.seq > bindparam("after", type_=BigInteger))
    .order_by(_AUDIT.c.seq)
    .limit(bindparam("most"))
)

_REDACTIONS: Final[Select[Any]] = select(
    _AUDIT.c.seq, _AUDIT.c.execution_id, _AUDIT.c.details
).where(
    _AUDIT.c.execution_id.in_(bindparam("of_executions", expanding=True)),
    _AUDIT.c.event == REDACTED,
)

Tell = Callable[[int, int], None]
"""Called now and then with the number of the row that was read, and that of the last one."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The first row that is not as it was written, and what is wrong with it."""

    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The chain's length and hash, as they were noted elsewhere at an earlier time."""

    length: int
    hash: str


@dataclass(frozen=True, slots=True)
class Verified:
    """`length` rows up to `last_seq` are in the chain, whose last hash is `hash`.

    `uncovered` rows are from before the chain began. The actor and the details of `redacted` rows
    were erased, and the log says so.
    """

    length: int
    last_seq: int
    hash: str
    uncovered: int
    redacted: int
    problem: Problem | None


def verify(engine: Engine, *, anchor: Anchor | None = None, tell: Tell | None = None) -> Verified:
    """Read the whole log, up to the first problem."""
    chain = _Chain(anchor)
    while True:
        with reading(engine) as connection:
            head = _head(connection)
            after = {"after": chain.read_to, "most": ROWS_AT_ONCE}
            rows = sql.execute(connection, _ROWS_AFTER, after).rows
            redacted = _redacted(connection, rows)
        chain.check(rows, head, redacted)
        if chain.problem is None and len(rows) < ROWS_AT_ONCE:
            chain.check_end(head)
        if chain.problem is not None or len(rows) < ROWS_AT_ONCE:
            return chain.result()
        if tell is not None:
            tell(chain.read_to, 0 if head is None else head.last_seq)


class _Chain:
    """The chain as far as it was read."""

    def __init__(self, anchor: Anchor | None) -> None:
        self.read_to = _BEFORE_ALL
        self.problem: Problem | None = None
        self._anchor = anchor
        self._length = 0
        self._last_seq = 0
        self._hash = GENESIS
        self._uncovered = 0
        self._redacted = 0

    def result(self) -> Verified:
        return Verified(
            length=self._length,
            last_seq=self._last_seq,
            hash=self._hash,
            uncovered=self._uncovered,
            redacted=self._redacted,
            problem=self.problem,
        )

    def check(
        self,
        rows: Sequence[Any],
        head: ChainHead | None,
        redacted: Mapping[int, int],
    ) -> None:
        for index, row in enumerate(rows):
            self.problem = self._problem(row, head, redacted, rows[index + 1 : index + 2])
            if self.problem is not None:
                return
            self.read_to = row.seq

    def check_end(self, head: ChainHead | None) -> None:
        """Compare what was read with the head, which is of the same moment as the last rows."""
        if head is None:
            return  # no row has a hash: no chain has begun
        if self._last_seq < head.last_seq:
            self.problem = self._missing_end(head)
        elif (self._length, self._hash) != (head.length, head.hash):
            text = "the head of the chain does not fit its last row: the head was changed"
            self.problem = Problem(self._last_seq, text)
        elif self._anchor is not None and self._anchor.length > self._length:
            text = f"the chain ends here with {self._length} rows: the anchor was noted at"
            self.problem = Problem(self._last_seq, f"{text} {self._anchor.length} rows")

    def _missing_end(self, head: ChainHead) -> Problem:
        missing = _are_missing(self._last_seq + 1, head.last_seq)
        text = f"{missing}: the head of the chain names seq {head.last_seq} as the last row"
        return Problem(self._last_seq + 1, text)

    def _problem(
        self,
        row: Any,
        head: ChainHead | None,
        redacted: Mapping[int, int],
        following: Sequence[Any],
    ) -> Problem | None:
        """Return what is wrong with the next row, or None."""
        has_begun = self._length > 0 or (head is not None and row.seq >= head.first_seq)
        if row.hash is None and not has_begun:
            self._uncovered += 1
            return None
        if head is None:
            return Problem(row.seq, "the row has a hash, but the head of the chain is missing")
        if self._length and self._last_seq < head.last_seq < row.seq:
            return self._missing_end(head)
        if (text := _misplaced(row, head)) is not None:
            return Problem(row.seq, text)
        if _hash_of(self._hash, row) != row.hash:
            return self._broken_link(row, following)
        self._length += 1
        self._last_seq = row.seq
        self._hash = row.hash
        text = self._content_problem(row, redacted) or self._anchor_problem()
        return None if text is None else Problem(row.seq, text)

    def _broken_link(self, row: Any, following: Sequence[Any]) -> Problem:
        """Say why the row does not follow the one before it."""
        if not _is_emptied(row) and not _content_fits(row):
            return Problem(row.seq, _CHANGED_CONTENT)
        if self._length and row.seq > self._last_seq + 1:
            missing = _are_missing(self._last_seq + 1, row.seq - 1)
            text = f"{missing}: seq {row.seq} does not follow seq {self._last_seq}"
            return Problem(self._last_seq + 1, text)
        return Problem(row.seq, self._changed_row(row, following))

    def _changed_row(self, row: Any, following: Sequence[Any]) -> str:
        if (seq := _original_seq(self._hash, row)) is not None:
            return f"the row was renumbered: it was written as seq {seq}"
        if not following:
            return _CHANGED_ROW
        after = following[0]
        computed = _hash_of(self._hash, row)
        if computed is not None and _hash_of(computed, after) == after.hash:
            return "the hash of the row was changed"
        if (seq := _original_seq(row.hash, after)) is None:
            return _CHANGED_ROW
        if seq > after.seq:
            return f"{_rows(seq - after.seq)} removed before it, and it was renumbered"
        return f"{_rows(after.seq - seq)} inserted here, and those behind renumbered"

    def _content_problem(self, row: Any, redacted: Mapping[int, int]) -> str | None:
        if _is_emptied(row):
            if redacted.get(row.seq, 0) <= row.seq:
                return "the actor and the details were emptied, and no row of the log records it"
            self._redacted += 1
            return None
        return None if _content_fits(row) else _CHANGED_CONTENT

    def _anchor_problem(self) -> str | None:
        anchor = self._anchor
        if anchor is None or anchor.length != self._length or anchor.hash == self._hash:
            return None
        return f"row {anchor.length} of the chain has another hash than the anchor"


def _misplaced(row: Any, head: ChainHead) -> str | None:
    if row.seq < head.first_seq:
        return f"the row has a hash, but the head names seq {head.first_seq} as the first row"
    if row.hash is None or row.digest is None:
        return (
            "the row has no hash: it was not written by Countersign, or by a version before 0.3 "
            "that ran at the same time as this one"
        )
    if row.seq > head.last_seq:
        return (
            f"the row lies behind seq {head.last_seq}, the last row by the head of the chain: it "
            "was inserted, or the head was put back"
        )
    return None


def _head(connection: Connection) -> ChainHead | None:
    row = sql.execute(connection, HEAD).first()
    return None if row is None else ChainHead(*row)


def _redacted(connection: Connection, rows: Sequence[Any]) -> dict[int, int]:
    """Return which of the emptied rows were emptied on record, and the number of that record."""
    executions = {row.execution_id for row in rows if _is_emptied(row)}
    if not executions:
        return {}
    of_these = {"of_executions": sorted(executions)}
    records = sql.execute(connection, _REDACTIONS, of_these).rows
    return {seq: record.seq for record in records for seq in _seqs(record.details)}


def _seqs(details: str) -> Collection[int]:
    try:
        seqs = json.loads(details)["seqs"]
    except (ValueError, TypeError, KeyError):
        return ()
    return [seq for seq in seqs if isinstance(seq, int)] if isinstance(seqs, list) else ()


def _is_emptied(row: Any) -> bool:
    return (row.actor, row.details, row.salt) == EMPTIED


def _content_fits(row: Any) -> bool:
    try:
        return bool(digest(salt=row.salt, actor=row.actor, details=row.details) == row.digest)
    except (ValueError, TypeError):  # no JSON, or no text
        return False


def _hash_of(before: str, row: Any, *, seq: int | None = None) -> str | None:
    try:
        return row_hash(
            before,
            seq=row.seq if seq is None else seq,
            at=_time(row.at),
            execution_id=row.execution_id,
            event=row.event,
            digest=row.digest,
        )
    except (ValueError, TypeError):
        return None


def _original_seq(before: str, row: Any) -> int | None:
    """Return the other number with which the row would have its hash, if there is one."""
    return next(
        (seq for seq in _around(row.seq) if _hash_of(before, row, seq=seq) == row.hash), None
    )


def _around(seq: int) -> Iterator[int]:
    for shift in range(1, _FURTHEST_SHIFT + 1):
        yield seq + shift
        yield seq - shift


def _time(stored: object) -> datetime:
    if not isinstance(stored, datetime | str):
        raise TypeError(f"no time: {stored!r}")
    return from_database(stored)


def _rows(number: int) -> str:
    return "1 row was" if number == 1 else f"{number} rows were"


def _are_missing(first: int, last: int) -> str:
    return f"seq {first} is missing" if first == last else f"seq {first} to {last} are missing"
