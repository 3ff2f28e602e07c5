"""The database of a storm, read with plain SQL and nothing of the product."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.storm.slips import hash_of

ENDED: Final = ("completed", "stopped")


@dataclass(frozen=True)
class Run:
    """An execution. `result` is the hash of the text that it ended with."""

    id: str
    token: str
    state: str
    result: str
    error: str
    seconds: float


@dataclass(frozen=True)
class Decided:
    """A checkpoint, the hash of the output that it is about, and when it was decided (or 0)."""

    id: str
    token: str
    kind: str
    state: str
    stored: str
    text: str
    at: float


@dataclass(frozen=True)
class Try:
    """A run of a phase. `losses` counts the workers that it outlived."""

    token: str
    phase: str
    revision: int
    attempt: int
    state: str
    output: str
    losses: int


class Book:
    """Looks at a SQLite file that others write to."""

    def __init__(self, database: Path) -> None:
        self._database = database

    def runs(self) -> list[Run]:
        rows = self._ask(
            """SELECT id, json_extract(request, '$.user_input') AS token, state, result,
                      coalesce(error, '') AS error,
                      created_at, coalesce(ended_at, updated_at) AS last
               FROM executions ORDER BY created_at"""
        )
        return [
            Run(
                id=row["id"],
                token=row["token"],
                state=row["state"],
                result=_hash_of_output(row["result"]),
                error=row["error"],
                seconds=_moment(row["last"]) - _moment(row["created_at"]),
            )
            for row in rows
        ]

    def states(self) -> dict[str, str]:
        """The state of each execution, by its token."""
        rows = self._ask(
            "SELECT json_extract(request, '$.user_input') AS token, state FROM executions"
        )
        return {row["token"]: row["state"] for row in rows}

    def knows(self, token: str) -> bool:
        return bool(
            self._ask(
                "SELECT 1 FROM executions WHERE json_extract(request, '$.user_input') = ?", token
            )
        )

    def checkpoints(self) -> list[Decided]:
        """In the order in which they were opened."""
        rows = self._ask(
            """SELECT checkpoints.id, json_extract(request, '$.user_input') AS token,
                      kind, checkpoints.state, phase_runs.output,
                      coalesce(text, '') AS text, decided_at
               FROM checkpoints
               JOIN executions ON executions.id = checkpoints.execution_id
               JOIN phase_runs ON phase_runs.id = checkpoints.phase_run_id
               ORDER BY checkpoints.seq"""
        )
        return [
            Decided(
                id=row["id"],
                token=row["token"],
                kind=row["kind"],
                state=row["state"],
                stored=_hash_of_output(row["output"]),
                text=row["text"],
                at=_moment(row["decided_at"]) if row["decided_at"] else 0.0,
            )
            for row in rows
        ]

    def tries(self) -> list[Try]:
        rows = self._ask(
            """SELECT json_extract(request, '$.user_input') AS token, phase, revision, attempt,
                      phase_runs.state, coalesce(output, '') AS output, losses
               FROM phase_runs JOIN executions ON executions.id = phase_runs.execution_id
               ORDER BY phase_runs.seq"""
        )
        return [Try(**row) for row in rows]

    def decisions_written(self) -> dict[str, int]:
        """How often each checkpoint's decision stands in the log of what happened."""
        rows = self._ask(
            """SELECT json_extract(details, '$.checkpoint') AS checkpoint, count(*) AS times
               FROM audit WHERE event IN ('checkpoint.decided', 'checkpoint.expired') GROUP BY 1"""
        )
        return {row["checkpoint"]: row["times"] for row in rows}

    def open_messages(self) -> int:
        """How many messages are still to be posted or changed."""
        rows = self._ask(
            """SELECT count(*) AS number FROM outbox
               WHERE state IN ('queued', 'sending')
                  OR state = 'posted' AND shown_version < version"""
        )
        return int(rows[0]["number"])

    def _ask(self, query: str, *values: object) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self._database, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(query, values)]


def _hash_of_output(encoded: str | None) -> str:
    return hash_of(json.loads(encoded)["output"]) if encoded else ""


def _moment(written: str) -> float:
    return datetime.fromisoformat(written).replace(tzinfo=UTC).timestamp()
