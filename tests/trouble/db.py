"""Reads the tables of the bot's database with plain SQL, without the product's code."""

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
"""What a query may raise while the database is failing."""

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
    """Yields the URL of a new database, with the product's tables unless the bot creates them.

    Commits are flushed as in production unless a `server` is passed or `durable` is false.
    """
    with tempfile.TemporaryDirectory(prefix="trouble-") as folder:
        if kind == "sqlite":
            yield _prepared(f"sqlite:///{Path(folder) / 'countersign.db'}", tables)
        elif server is not None:
            yield _prepared(server.database(), tables)
        else:
            with Server(durable=durable) as new_server:
                yield _prepared(new_server.database(), tables)


def with_password(url: str) -> str:
    """Add a password that the test servers ignore: a log that shows it would show any password."""
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


def _prepared(url: str, tables: bool) -> str:
    if tables:
        upgraded(url).dispose()
    return url


@dataclass(frozen=True)
class Checkpoint:
    """`actor` is the id of the person who decided; a missing text is empty.

    `output` is the text under review, `log` the audit events that decided it. Times are seconds
    since 1970, or 0.
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
    """`phase` is its name, `output` its whole output as JSON; `losses` counts the workers that
    died while they ran it, `error` says why it failed."""

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
    error: str
    losses: int


@dataclass
class Execution:
    """`ended_by` is the id of the person who ended it, `result` the final text."""

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
        """The rows of a query with `?` placeholders; empty while the tables do not exist yet."""
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
        """Execute a statement that arranges what would otherwise take many steps."""
        if self._server is None:
            with closing(sqlite3.connect(self._file, timeout=30)) as connection, connection:
                connection.execute(statement)
        else:
            with psycopg.connect(self._server) as server:
                server.execute(statement.encode())

    def number(self, query: str) -> int:
        """The only value in the only row of a query."""
        [[value]] = [row.values() for row in self.rows(query)]
        return int(value)

    # --- current state -----------------------------------------------------------------------

    def states(self) -> dict[str, str]:
        """The state of each execution by its token."""
        rows = self.rows("SELECT request, state FROM executions")
        return {token_of(row["request"]): row["state"] for row in rows}

    def knows(self, token: str) -> bool:
        return bool(self.rows("SELECT 1 FROM executions WHERE request LIKE ?", f"%{token}%"))

    def unshown(self) -> list[str]:
        """The keys of messages that still have to be posted or updated."""
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
        """All checkpoints, in the order in which they were opened."""
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
                    PhaseRun(
                        **{
                            **_values(PhaseRun, row),
                            "output": row["output"] or "",
                            "error": row["error"] or "",
                        }
                    )
                )
        for row in self.rows(
            "SELECT execution_id, at FROM audit WHERE event = 'execution.retried'"
        ):
            if row["execution_id"] in by_id:
                by_id[row["execution_id"]].retried.append(seconds(row["at"]))
        return [*by_id.values()]

    def execution(self, words: str) -> Execution | None:
        """The execution whose request contains these words, or None."""
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
    """The columns of a row that the record type has, converted to its field types."""
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


def seconds(value: str | datetime | None) -> float:
    """A timestamp as the database returns it, in seconds since 1970; 0 for None."""
    if value is None:
        return 0.0
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def record(value: str | None) -> Mapping[str, Any]:
    """A JSON object as the database stores it; empty for None."""
    decoded: dict[str, Any] = json.loads(value) if value else {}
    return decoded


def token_of(request: str) -> str:
    """The token in a request, or the whole request if it has none."""
    token = re.search(TOKEN, request)
    return token.group() if token else request


def by_token(executions: list[Execution]) -> Counter[str]:
    return Counter(execution.token for execution in executions)
