"""The tables of the bot's database, read with plain SQL and nothing of the product."""

from __future__ import annotations

import json
import re
import sqlite3
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from tests.support.postgres import Server
from tests.support.schema import upgraded
from tests.trouble.crews.effects import TOKEN

DATABASES: Final = ("sqlite", "postgresql")
UNAVAILABLE: Final = (psycopg.Error, sqlite3.Error, OSError)
"""What a query raises while a database is in trouble."""

ENDED: Final = ("completed", "stopped", "cancelled")
STATE_OF: Final = {
    "continue": "approved",
    "revise": "revised",
    "skip": "skipped",
    "stop": "rejected",
}
"""The state of a checkpoint after each action."""

UNSHOWN: Final = (
    "(outbox.state IN ('queued', 'sending') OR outbox.state = 'posted' AND shown_version < version)"
)
PASSWORD: Final = "a-password-that-no-log-may-show"


@contextmanager
def new_database(
    kind: str, *, server: Server | None = None, tables: bool = True, durable: bool = True
) -> Iterator[str]:
    """The URL of a new database, with the product's tables unless the bot is to make them.

    Commits are flushed as in production, unless a `server` is passed or it is not `durable`.
    """
    with tempfile.TemporaryDirectory(prefix="trouble-") as folder:
        if kind == "sqlite":
            yield _prepared(f"sqlite:///{Path(folder) / 'countersign.db'}", tables)
        elif server is not None:
            yield _prepared(server.database(), tables)
        else:
            with Server(durable=durable) as own:
                yield _prepared(own.database(), tables)


def with_password(url: str) -> str:
    """The tests' servers need no password; a log that shows this one would show any."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def _prepared(url: str, tables: bool) -> str:
    if tables:
        upgraded(url).dispose()
    return url


@dataclass(frozen=True)
class Checkpoint:
    """`actor` is the id of the person who decided; texts are empty where there is none.

    `output` is what it is about, `log` the events of the audit log that decided it. Times are
    seconds since 1970, or 0.
    """

    id: str
    execution_id: str
    kind: str
    state: str
    action: str
    text: str
    actor: str
    deadline: float
    decided_at: float
    phase_index: int
    revision: int
    output: str
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class PhaseRun:
    """`phase` is its name, `output` all that it gave, as JSON; `losses` counts the workers that it
    outlived."""

    id: str
    phase: str
    phase_index: int
    revision: int
    attempt: int
    state: str
    fence: int
    created_at: float
    ended_at: float
    output: str
    losses: int


@dataclass
class Execution:
    """`ended_by` is the id of the person who ended it, `result` the text that it ended with."""

    id: str
    state: str
    error: str
    result: str
    ended_by: str
    created_at: float
    ended_at: float
    token: str
    checkpoints: list[Checkpoint] = field(default_factory=list)
    runs: list[PhaseRun] = field(default_factory=list)
    retried: list[float] = field(default_factory=list)

    @property
    def losses(self) -> int:
        return sum(run.losses for run in self.runs)


class Database:
    """A SQLite file (a path, or its URL) or a PostgreSQL database, with its rows as records."""

    def __init__(self, database: str | Path) -> None:
        scheme, _, rest = str(database).partition("://")
        self._server = f"postgresql://{rest}" if scheme.startswith("postgres") else None
        self._file = rest.removeprefix("/") if scheme == "sqlite" else str(database)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """`?` is the place of a value. Empty while the tables do not exist yet."""
        try:
            if self._server is None:
                with closing(sqlite3.connect(self._file, timeout=30)) as connection:
                    connection.row_factory = sqlite3.Row
                    return [dict(row) for row in connection.execute(query, values)]
            with psycopg.connect(self._server, autocommit=True, row_factory=dict_row) as server:
                return server.execute(query.replace("?", "%s").encode(), values).fetchall()
        except psycopg.errors.UndefinedTable:
            return []
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise

    def execute(self, statement: str) -> None:
        """Arrange something that would take many steps otherwise."""
        if self._server is None:
            with closing(sqlite3.connect(self._file, timeout=30)) as connection, connection:
                connection.execute(statement)
        else:
            with psycopg.connect(self._server) as server:
                server.execute(statement.encode())

    def number(self, query: str) -> int:
        """The only value of a query's only row."""
        [[value]] = [row.values() for row in self.rows(query)]
        return int(value)

    # --- what is going on ---------------------------------------------------------------------

    def states(self) -> dict[str, str]:
        """The state of each execution by its token."""
        rows = self.rows("SELECT request, state FROM executions")
        return {token_of(row["request"]): row["state"] for row in rows}

    def knows(self, token: str) -> bool:
        return bool(self.rows("SELECT 1 FROM executions WHERE request LIKE ?", f"%{token}%"))

    def unshown(self) -> list[str]:
        """The keys of messages that are still to be posted or changed."""
        return [row["key"] for row in self.rows(f"SELECT key FROM outbox WHERE {UNSHOWN}")]

    def phase_states(self, execution: str) -> list[str]:
        """The states of an execution's phase runs, the oldest first."""
        query = "SELECT state FROM phase_runs WHERE execution_id = ? ORDER BY seq"
        return [row["state"] for row in self.rows(query, execution)]

    def open_runs(self) -> list[dict[str, Any]]:
        """Phase runs that are queued or running, with their leases."""
        return self.rows(
            """SELECT id, state, fence, not_before, created_at, lease_until, lease_owner
               FROM phase_runs WHERE state IN ('queued', 'running')"""
        )

    # --- records --------------------------------------------------------------------------------

    def checkpoint(self, id_: str) -> Checkpoint:
        return self._checkpoints("checkpoints.id = ?", id_)[0]

    def checkpoints(self) -> list[Checkpoint]:
        """In the order in which they were opened."""
        return self._checkpoints("1 = 1")

    def executions(self, words: str = "") -> list[Execution]:
        """Every execution, or those whose requests contain these words."""
        rows = self.rows(
            "SELECT * FROM executions WHERE request LIKE ? ORDER BY created_at", f"%{words}%"
        )
        by_id = {
            row["id"]: Execution(**_values(Execution, row), token=token_of(row["request"]))
            for row in rows
        }
        for checkpoint in self.checkpoints():
            if checkpoint.execution_id in by_id:
                by_id[checkpoint.execution_id].checkpoints.append(checkpoint)
        for row in self.rows("SELECT * FROM phase_runs ORDER BY seq"):
            if row["execution_id"] in by_id:
                by_id[row["execution_id"]].runs.append(
                    PhaseRun(**{**_values(PhaseRun, row), "output": row["output"] or ""})
                )
        for row in self.rows(
            "SELECT execution_id, at FROM audit WHERE event = 'execution.retried'"
        ):
            if row["execution_id"] in by_id:
                by_id[row["execution_id"]].retried.append(seconds(row["at"]))
        return [*by_id.values()]

    def execution(self, words: str) -> Execution | None:
        """The execution that was requested in these words, if there is one."""
        matching = self.executions(words)
        assert len(matching) < 2, f"{len(matching)} executions of “{words}”"
        return matching[0] if matching else None

    def _checkpoints(self, condition: str, *values: object) -> list[Checkpoint]:
        log: dict[str, list[str]] = defaultdict(list)
        for row in self.rows(
            """SELECT details, event FROM audit
               WHERE event IN ('checkpoint.decided', 'checkpoint.expired') ORDER BY seq"""
        ):
            log[record(row["details"])["checkpoint"]].append(row["event"].partition(".")[2])
        rows = self.rows(
            f"""SELECT checkpoints.*, phase_index, revision, output FROM checkpoints
                JOIN phase_runs ON phase_runs.id = checkpoints.phase_run_id
                WHERE {condition} ORDER BY checkpoints.seq""",
            *values,
        )
        return [Checkpoint(**_values(Checkpoint, row), log=tuple(log[row["id"]])) for row in rows]


def _values(kind: type, row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a record has, as it has them."""
    return {
        each.name: _value(each.name, each.type, row[each.name])
        for each in fields(kind)
        if each.name in row
    }


def _value(name: str, kind: object, value: Any) -> Any:
    if kind == "float":
        return seconds(value)
    if name in ("actor", "ended_by"):
        return str(record(value).get("id", ""))
    if name in ("output", "result"):
        return record(value).get("output", "")
    return (value or "") if kind == "str" else value


def seconds(written: str | datetime | None) -> float:
    """A moment as a database returns it, in seconds since 1970; 0 where there is none."""
    if written is None:
        return 0.0
    at = datetime.fromisoformat(written) if isinstance(written, str) else written
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def record(written: str | None) -> Mapping[str, Any]:
    """A JSON object as a database keeps it; empty where there is none."""
    kept: dict[str, Any] = json.loads(written) if written else {}
    return kept


def token_of(request: str) -> str:
    """The token in a request, or all of it where there is none."""
    token = re.search(TOKEN, request)
    return token.group() if token else request


def by_token(executions: list[Execution]) -> Counter[str]:
    return Counter(execution.token for execution in executions)
