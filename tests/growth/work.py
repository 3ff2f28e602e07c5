"""How much work a database did for each statement, as it reports itself, without a clock.

SQLite counts the steps of its virtual machine, PostgreSQL the rows that each part of a plan read.
Both also show the plan, which reveals full table scans.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

from sqlalchemy import Engine, event

from tests.growth.lives import TABLES

SWEPT: Final = (
    "ix_phase_runs_open",
    "ix_phase_runs_priority",
    "ix_outbox_to_do",
    "ix_outbox_to_post",
    "ix_outbox_to_arm",
    "ix_outbox_to_update",
    "ix_outbox_roots_to_update",
    "ix_executions_active",
)
"""Indexes of open work, which are read from one end until there is enough."""

FEW: Final = 200
"""Reading up to this many rows is negligible: a page of a list, or the rows of one execution."""

MANY: Final = 1000
"""A part of a plan that reads more rows than this may be reading the whole table."""

_SCAN: Final = re.compile(
    rf"SCAN ({'|'.join(TABLES)}|earlier)\b(?: USING (?:COVERING )?INDEX (\w+))?"
)


@dataclass(slots=True)
class Statement:
    """One statement as it was sent, and what the database did. `looked`: rows or steps."""

    sql: str
    plan: tuple[str, ...] = ()
    looked: int = 0
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    statements: list[Statement] = field(default_factory=list)

    @property
    def looked(self) -> int:
        return sum(one.looked for one in self.statements)

    @property
    def faults(self) -> list[str]:
        """The parts of plans that read or sort a whole table, with their statements."""
        return [f"{fault}: {one.sql}" for one in self.statements for fault in one.faults]


class Watch:
    """Watches the statements that one thread sends through an engine's connections."""

    def __init__(self, engine: Engine) -> None:
        """`engine` must not have connected yet."""
        self._work: Work | None = None
        if engine.dialect.name == "postgresql":
            _watch_server(self, engine)
            return
        factory = _sqlite(self)

        def connecting(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
            parameters["factory"] = factory

        event.listen(engine, "do_connect", connecting)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """Record all statements until the block ends."""
        self._work = Work()
        try:
            yield self._work
        finally:
            self._work = None

    def record(self, sql: object) -> Statement | None:
        """Record a statement if work is being recorded."""
        if self._work is None:
            return None
        one = Statement(" ".join(str(sql).split()))
        self._work.statements.append(one)
        return one

    def step(self) -> None:
        if self._work is not None and self._work.statements:
            self._work.statements[-1].looked += 1


def _sqlite(watch: Watch) -> type[sqlite3.Connection]:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = ()) -> Self:
            self._explain(sql, values)
            return super().execute(sql, values)

        def executemany(self, sql: str, rows: Any) -> Self:
            self._explain(sql, next(iter(rows)))
            return super().executemany(sql, rows)

        def _explain(self, sql: str, values: Any) -> None:
            self.connection.set_progress_handler(None, 1)
            statement = watch.record(sql)
            if statement is None:
                return
            if _has_a_plan(sql):
                explained = sqlite3.Cursor(self.connection).execute(
                    f"EXPLAIN QUERY PLAN {sql}", values
                )
                statement.plan = tuple(row[3] for row in explained)
                statement.faults = tuple(line for line in statement.plan if _reads_all(line))
            self.connection.set_progress_handler(watch.step, 1)

    class Watched(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def execute(self, sql: str, values: Any = ()) -> sqlite3.Cursor:
            return self.cursor().execute(sql, values)  # type: ignore[no-any-return]  # Cursor's

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            return self.cursor().executemany(sql, rows)  # type: ignore[no-any-return]  # Cursor's

    return Watched


def _watch_server(watch: Watch, engine: Engine) -> None:
    """Run each statement once more before it is sent, and roll back what it did."""

    def about_to_be_sent(
        _connection: Any, cursor: Any, sql: str, values: Any, _context: Any, many: bool
    ) -> None:
        statement = watch.record(sql)
        if statement is None or not _has_a_plan(sql):
            return
        beside = type(cursor)(cursor.connection)
        beside.execute("SAVEPOINT explained")
        beside.execute(_EXPLAIN + sql, values[0] if many else values)
        [(explained,)] = beside.fetchall()
        beside.execute("ROLLBACK TO SAVEPOINT explained")
        beside.execute("RELEASE SAVEPOINT explained")
        _note(statement, explained)

    event.listen(engine, "before_cursor_execute", about_to_be_sent)


_EXPLAIN: Final = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "


def _note(statement: Statement, explained: Any) -> None:
    nodes = list(_nodes(explained[0]["Plan"]))
    statement.plan = tuple(_in_words(node) for node in nodes)
    statement.looked = sum(map(_looked_at, nodes))
    statement.faults = tuple(
        f"{_in_words(node)} ({_looked_at(node)} rows)" for node in nodes if _looked_at(node) > MANY
    )


def _has_a_plan(sql: str) -> bool:
    return sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))


def _reads_all(line: str) -> bool:
    scan = _SCAN.match(line)
    if scan is not None:
        return scan[2] not in SWEPT
    return line.startswith("USE TEMP B-TREE FOR") and "ORDER BY" in line


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _in_words(node: Mapping[str, Any]) -> str:
    words = (node["Node Type"], node.get("Relation Name"), node.get("Index Name"))
    return " ".join(word for word in words if word)


def _looked_at(node: Mapping[str, Any]) -> int:
    rows: float = node["Actual Rows"] + sum(
        many for name, many in node.items() if name.startswith("Rows Removed by")
    )
    loops: float = node["Actual Loops"]
    return round(rows * loops)
