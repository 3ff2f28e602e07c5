"""How much a database did for what was asked of it, told by itself; no clock is involved.

SQLite counts the steps of its virtual machine, PostgreSQL the rows that each part of a plan
looked at. Both also tell the plan, in which reading a whole table is seen at once.
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
    "ix_phase_runs_turn",
    "ix_outbox_to_do",
    "ix_outbox_to_post",
    "ix_outbox_to_update",
    "ix_executions_active",
)
"""Indexes of what is still to do, which are read from one end until there is enough."""

FEW: Final = 200
"""To look at so many rows is no work: a page of a list, or what one execution has."""

MANY: Final = 1000
"""A part of a plan that looks at so many may go on to look at all."""

_SCAN: Final = re.compile(
    rf"SCAN ({'|'.join(TABLES)}|earlier)\b(?: USING (?:COVERING )?INDEX (\w+))?"
)


@dataclass(slots=True)
class Asked:
    """One statement as it was sent, and what the database did for it. `looked`: its measure."""

    sql: str
    plan: tuple[str, ...] = ()
    looked: int = 0
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Work:
    asked: list[Asked] = field(default_factory=list)

    @property
    def looked(self) -> int:
        return sum(one.looked for one in self.asked)

    @property
    def faults(self) -> list[str]:
        """What reads or sorts a whole table, with the statement that does."""
        return [f"{fault}: {one.sql}" for one in self.asked for fault in one.faults]


class Watch:
    """Sees what is sent through an engine's connections, by one thread."""

    def __init__(self, engine: Engine) -> None:
        """Before the engine has connected."""
        self._work: Work | None = None
        if engine.dialect.name == "postgresql":
            _watch_server(self, engine)
            return
        made = _sqlite(self)

        def connecting(_dialect: Any, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
            parameters["factory"] = made

        event.listen(engine, "do_connect", connecting)

    @contextmanager
    def work(self) -> Iterator[Work]:
        """All that is asked meanwhile."""
        self._work = Work()
        try:
            yield self._work
        finally:
            self._work = None

    def asked(self, sql: object) -> Asked | None:
        """Noted, if anybody wants to know."""
        if self._work is None:
            return None
        one = Asked(" ".join(str(sql).split()))
        self._work.asked.append(one)
        return one

    def step(self) -> None:
        if self._work is not None and self._work.asked:
            self._work.asked[-1].looked += 1


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
            asked = watch.asked(sql)
            if asked is None:
                return
            if _has_a_plan(sql):
                told = sqlite3.Cursor(self.connection).execute(f"EXPLAIN QUERY PLAN {sql}", values)
                asked.plan = tuple(row[3] for row in told)
                asked.faults = tuple(line for line in asked.plan if _reads_all(line))
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
    """Each statement is run once more before it is sent, and what it did is taken back."""

    def about_to_be_sent(
        _connection: Any, cursor: Any, sql: str, values: Any, _context: Any, many: bool
    ) -> None:
        asked = watch.asked(sql)
        if asked is None or not _has_a_plan(sql):
            return
        beside = type(cursor)(cursor.connection)
        beside.execute("SAVEPOINT explained")
        beside.execute(_EXPLAIN + sql, values[0] if many else values)
        [(told,)] = beside.fetchall()
        beside.execute("ROLLBACK TO SAVEPOINT explained")
        beside.execute("RELEASE SAVEPOINT explained")
        _note(asked, told)

    event.listen(engine, "before_cursor_execute", about_to_be_sent)


_EXPLAIN: Final = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) "


def _note(asked: Asked, told: Any) -> None:
    nodes = list(_nodes(told[0]["Plan"]))
    asked.plan = tuple(_in_words(node) for node in nodes)
    asked.looked = sum(map(_looked_at, nodes))
    asked.faults = tuple(
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
