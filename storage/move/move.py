"""Moves an installation to another database: `countersign move`.

The tables are copied one after the other, in the order of keys, each batch in a transaction of its
own. The rows in the target thus show how far an interrupted move got, and it resumes from there. At
the end both sides are read in full and compared. The move is recorded as finished only if they are
the same; until then no bot starts on the target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final

from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from storage.db.database import reading
from storage.db.engines import open_engine
from storage.errors import Busy, IncompatibleSchema
from storage.move import destination
from storage.move.compare import Difference, Sum, differences, sum_of
from storage.move.source import (
    CannotMove,
    display_name,
    in_words,
    lift_timeouts,
    locked_source,
    revision,
)
from storage.move.tables import (
    STORED_TABLES,
    Stored,
    StoredTable,
    count,
    last_key,
    replace_nul,
    rows_after,
)

ROWS_AT_ONCE: Final = 1000
SIZE_AT_ONCE: Final = 4_000_000
"""The size of a batch, which is kept in memory; outputs may be long."""


class Step(StrEnum):
    COPY = "copied"
    READ_SOURCE = "read here"
    READ_TARGET = "read there"


@dataclass(frozen=True, slots=True)
class Progress:
    step: Step
    table: str
    rows: int
    of: int


Tell = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Compared:
    """A table on both sides: in the source (`here`) and in the target (`there`)."""

    table: str
    here: Sum
    there: Sum
    differences: tuple[Difference, ...]

    @property
    def same(self) -> bool:
        return self.here == self.there


@dataclass(frozen=True, slots=True)
class Moved:
    """The result of a move.

    `before` is set if an earlier move had finished then, and nothing was done. `continued`: it
    resumed an interrupted move. `replaced` counts the rows whose NUL characters were replaced.
    """

    before: datetime | None = None
    continued: bool = False
    tables: tuple[Compared, ...] = ()
    replaced: int = 0

    @property
    def same(self) -> bool:
        return all(table.same for table in self.tables)


def move(
    source: URL,
    target: URL,
    *,
    upgrade: Callable[[Engine], None],
    is_dead: Callable[[str], bool],
    tell: Tell,
    anew: bool = False,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Moved:
    """Copy the rows that are missing in the target, and compare. Raises CannotMove.

    `upgrade` creates the target's tables. `is_dead` says whether the owner of a lease has certainly
    ended. `anew`: first delete the rows that an unfinished move has copied.
    """
    if source == target:
        raise CannotMove("Both URLs name the same database.")
    if source.get_backend_name() == target.get_backend_name() == "sqlite":
        raise CannotMove("A file is not moved but copied: `countersign backup FILE`.")
    engine = open_engine(target.render_as_string(hide_password=False))
    try:
        with locked_source(source, is_dead=is_dead) as here, destination.locked_target(engine):
            before = destination.finished_at(engine)
            if before is not None:
                return Moved(before=before)
            upgrade(engine)
            return _Move(here, engine, tell, rows_at_once).run(anew=anew)
    except (Busy, IncompatibleSchema, SQLAlchemyError, CommandError) as error:
        raise CannotMove(
            f"The move to {in_words(target)} failed: {_reason(error)}. Start it again to resume it."
        ) from error
    finally:
        engine.dispose()


class _Move:
    def __init__(self, here: Connection, engine: Engine, tell: Tell, rows_at_once: int) -> None:
        self._here = here
        self._engine = engine
        self._tell = tell
        self._rows_at_once = rows_at_once
        self._replaced = 0

    def run(self, *, anew: bool) -> Moved:
        self._check_same_revision()
        is_new = destination.start(self._engine, source=display_name(self._here))
        if anew and not is_new:
            destination.empty(self._engine)
        numbers = {
            table.name: destination.last_sequence_value(self._here, table)
            for table in STORED_TABLES
        }
        for table in STORED_TABLES:
            self._copy(table)
        compared = tuple(self._compare(table) for table in STORED_TABLES)
        moved = Moved(continued=not is_new, tables=compared, replaced=self._replaced)
        if moved.same:
            destination.finish(self._engine, numbers)
        return moved

    def _check_same_revision(self) -> None:
        with reading(self._engine) as there:
            if revision(self._here) != revision(there):
                raise CannotMove(
                    f"{display_name(self._here)} was last used by another version. Migrate it"
                    " first: run `countersign migrate` with its DATABASE_URL."
                )

    def _copy(self, table: StoredTable) -> None:
        with reading(self._engine) as there:
            last = last_key(there, table)
            done = count(there, table)
        if last is not None and count(self._here, table, up_to=last) != done:
            raise CannotMove(
                f"The rows of {table.name} in {display_name(self._engine)} are not the first ones"
                f" of {display_name(self._here)}. Start the move with --anew."
            )
        of = count(self._here, table)
        for batch in self._batches(rows_after(self._here, table, last)):
            destination.append(self._engine, table, batch)
            done += len(batch)
            self._tell(Progress(Step.COPY, table.name, done, of))

    def _batches(self, rows: Iterator[Sequence[Any]]) -> Iterator[list[Stored]]:
        batch: list[Stored] = []
        size = 0
        for row in rows:
            original = tuple(row)
            clean = replace_nul(original)
            self._replaced += clean != original
            batch.append(clean)
            size += sum(len(value) for value in clean if isinstance(value, str | bytes))
            if len(batch) >= self._rows_at_once or size >= SIZE_AT_ONCE:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _compare(self, table: StoredTable) -> Compared:
        of = count(self._here, table)
        here = sum_of(self._here, table, partial(self._read, Step.READ_SOURCE, table.name, of))
        with reading(self._engine) as connection:
            if connection.dialect.name == "postgresql":
                lift_timeouts(connection)
            counted = partial(self._read, Step.READ_TARGET, table.name, of)
            there = sum_of(connection, table, counted)
            differ = () if here == there else differences(self._here, connection, table)
        return Compared(table.name, here, there, differ)

    def _read(self, step: Step, table: str, of: int, rows: int) -> None:
        self._tell(Progress(step, table, rows, of))


def _reason(error: Exception) -> str:
    cause = error.__cause__ if isinstance(error, Busy) else error
    return str(getattr(cause, "orig", None) or error).strip().partition("\n")[0]
