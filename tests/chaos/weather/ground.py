"""A database to stand on, and what stands in it in plain SQL: nothing of the product reads here."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.support.postgres import Server
from tests.support.schema import upgraded

DATABASES: Final = ("sqlite", "postgresql")


@contextmanager
def ground(database: str, *, server: Server | None = None) -> Iterator[str]:
    """The URL of a new database with the product's tables.

    Commits are flushed as in production, except on a `server` that is given.
    """
    with tempfile.TemporaryDirectory(prefix="weather-") as folder:
        if database == "sqlite":
            yield _with_tables(f"sqlite:///{Path(folder) / 'countersign.db'}")
        elif server is not None:
            yield _with_tables(server.database())
        else:
            with Server(durable=True) as own:
                yield _with_tables(own.database())


def _with_tables(url: str) -> str:
    upgraded(url).dispose()
    return url


@dataclass(frozen=True)
class SchemaStatus:
    """A checkpoint as it stands. Times are seconds since 1970; 0 where there is none."""

    id: str
    execution: str
    run_state: str
    state: str
    action: str | None
    actor: str | None
    text: str | None
    deadline: float
    decided_at: float


class Books:
    """Reads the tables of a database that others write to."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if self._url.startswith("sqlite"):
            path = self._url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=30)) as connection:
                return connection.execute(query).fetchall()
        with psycopg.connect(self._url.replace("+psycopg", "")) as server:
            return server.execute(query.encode()).fetchall()

    def tell(self, statement: str) -> None:
        """Arrange something that would take many steps otherwise."""
        if self._url.startswith("sqlite"):
            path = self._url.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
                connection.execute(statement)
        else:
            with psycopg.connect(self._url.replace("+psycopg", "")) as server:
                server.execute(statement.encode())

    def standing(self, ids: Sequence[str] = ()) -> dict[str, SchemaStatus]:
        """Every checkpoint, or these, by its id."""
        chosen = f"WHERE c.id IN ({', '.join(map(_quoted, ids))})" if ids else ""
        found = self.rows(
            "SELECT c.id, c.execution_id, e.state, c.state, c.action, c.actor, c.text, c.deadline,"
            " c.decided_at FROM checkpoints c JOIN executions e ON e.id = c.execution_id "
            f"{chosen} ORDER BY c.seq"
        )
        return {
            name: SchemaStatus(
                id=name,
                execution=execution,
                run_state=run_state,
                state=state,
                action=action,
                actor=json.loads(actor)["id"] if actor else None,
                text=text,
                deadline=seconds(deadline),
                decided_at=seconds(decided_at),
            )
            for (
                name,
                execution,
                run_state,
                state,
                action,
                actor,
                text,
                deadline,
                decided_at,
            ) in found
        }

    def decisions(self) -> dict[str, list[str]]:
        """What the log says of each checkpoint: `decided` or `expired`, as often as it says so."""
        said: dict[str, list[str]] = {}
        found = self.rows(
            "SELECT details, event FROM audit"
            " WHERE event IN ('checkpoint.decided', 'checkpoint.expired') ORDER BY seq"
        )
        for facts, event in found:
            checkpoint = str(json.loads(facts)["checkpoint"])
            said.setdefault(checkpoint, []).append(str(event).partition(".")[2])
        return said

    def runs(self) -> dict[str, list[str]]:
        """The states of each execution's phase runs, the oldest first."""
        found = self.rows("SELECT execution_id, state FROM phase_runs ORDER BY seq")
        states: dict[str, list[str]] = {}
        for execution, state in found:
            states.setdefault(execution, []).append(state)
        return states


def seconds(written: str | datetime | None) -> float:
    if written is None:
        return 0.0
    if isinstance(written, str):
        written = datetime.fromisoformat(written)
    return (written if written.tzinfo else written.replace(tzinfo=UTC)).timestamp()


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"
