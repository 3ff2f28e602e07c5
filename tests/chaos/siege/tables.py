"""The final tables, read with plain SQL and nothing of the product."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.siege.program import TOKEN
from tests.chaos.sql import Sql, fields, seconds

ENDED: Final = ("completed", "stopped", "cancelled")


@dataclass(frozen=True)
class Checkpoint:
    """`actor` is the id of who decided, or empty. `phase` is its place in the run."""

    id: str
    state: str
    action: str
    text: str
    actor: str
    at: float
    phase: int
    revision: int


@dataclass(frozen=True)
class Run:
    """A run of a phase."""

    id: str
    phase: int
    name: str
    revision: int
    attempt: int
    state: str
    fence: int
    created: float
    ended: float
    feedback: str


@dataclass
class Execution:
    id: str
    token: str
    state: str
    ended_by: str
    ended: float
    checkpoints: list[Checkpoint] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    retried: list[float] = field(default_factory=list)
    decided: Counter[str] = field(default_factory=Counter)


class Tables:
    """All executions of a database that somebody writes to."""

    def __init__(self, database: str) -> None:
        self._sql = Sql(database)

    def states(self) -> Counter[str]:
        """How many executions are in each state."""
        rows = self._sql.ask("SELECT state, count(*) AS number FROM executions GROUP BY state")
        return Counter({row["state"]: row["number"] for row in rows})

    def going_on(self) -> dict[str, str]:
        """The tokens of executions that have not ended, with their states."""
        rows = self._sql.ask(
            """SELECT request, state FROM executions
               WHERE state NOT IN ('completed', 'stopped', 'cancelled')"""
        )
        return {_token(row["request"]): row["state"] for row in rows}

    def unshown(self) -> list[str]:
        """The keys of messages that are to be posted or changed."""
        rows = self._sql.ask(
            """SELECT key FROM outbox WHERE state IN ('queued', 'sending')
               OR state = 'posted' AND shown_version < version"""
        )
        return [row["key"] for row in rows]

    def open_runs(self) -> list[dict[str, Any]]:
        """What is queued or running, who holds it, and from when on it may be claimed."""
        return self._sql.ask(
            """SELECT id, state, fence, not_before, created_at, lease_until, lease_owner
               FROM phase_runs
               WHERE state IN ('queued', 'running')"""
        )

    def executions(self) -> list[Execution]:
        rows = self._sql.ask("SELECT id, request, state, ended_by, ended_at FROM executions")
        found = {
            row["id"]: Execution(
                row["id"],
                _token(row["request"]),
                row["state"],
                str(fields(row["ended_by"]).get("id", "")),
                seconds(row["ended_at"]),
            )
            for row in rows
        }
        for of, run in self._runs():
            found[of].runs.append(run)
        for of, checkpoint in self._checkpoints():
            found[of].checkpoints.append(checkpoint)
        for row in self._sql.ask("SELECT execution_id, event, details, at FROM audit ORDER BY seq"):
            execution = found[row["execution_id"]]
            execution.events[row["event"]] += 1
            if row["event"] in ("checkpoint.decided", "checkpoint.expired"):
                execution.decided[fields(row["details"])["checkpoint"]] += 1
            if row["event"] == "execution.retried":
                execution.retried.append(seconds(row["at"]))
        return [*found.values()]

    def _runs(self) -> list[tuple[str, Run]]:
        rows = self._sql.ask(
            """SELECT execution_id, id, phase_index, phase, revision, attempt, state, fence,
                      created_at, ended_at, feedback FROM phase_runs ORDER BY seq"""
        )
        return [
            (
                row["execution_id"],
                Run(
                    id=row["id"],
                    phase=row["phase_index"],
                    name=row["phase"],
                    revision=row["revision"],
                    attempt=row["attempt"],
                    state=row["state"],
                    fence=row["fence"],
                    created=seconds(row["created_at"]),
                    ended=seconds(row["ended_at"]),
                    feedback=row["feedback"],
                ),
            )
            for row in rows
        ]

    def _checkpoints(self) -> list[tuple[str, Checkpoint]]:
        rows = self._sql.ask(
            """SELECT checkpoints.execution_id, checkpoints.id, checkpoints.state, action, text,
                      actor, decided_at, phase_index, revision
               FROM checkpoints JOIN phase_runs ON phase_runs.id = checkpoints.phase_run_id
               ORDER BY checkpoints.seq"""
        )
        return [
            (
                row["execution_id"],
                Checkpoint(
                    id=row["id"],
                    state=row["state"],
                    action=row["action"] or "",
                    text=row["text"] or "",
                    actor=str(fields(row["actor"]).get("id", "")),
                    at=seconds(row["decided_at"]),
                    phase=row["phase_index"],
                    revision=row["revision"],
                ),
            )
            for row in rows
        ]


def by_token(executions: list[Execution]) -> dict[str, list[Execution]]:
    found: dict[str, list[Execution]] = defaultdict(list)
    for execution in executions:
        found[execution.token].append(execution)
    return found


def _token(request: str) -> str:
    return str(TOKEN.findall(request)[0])
