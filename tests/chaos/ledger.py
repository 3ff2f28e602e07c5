"""What stands in the database about one run, read with plain SQL and nothing of the product."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.sql import Sql, fields, seconds


@dataclass(frozen=True)
class CheckpointRow:
    id: str
    state: str
    action: str | None
    text: str | None
    actor: str
    phase: str
    revision: int


@dataclass(frozen=True)
class PhaseRow:
    phase: str
    revision: int
    attempt: int
    state: str
    created_at: float
    ended_at: float


class Ledger:
    """Looks at a database that others write to."""

    def __init__(self, database: str | Path) -> None:
        self._sql = Sql(database)

    def execution(self, words: str) -> str | None:
        """The id of the run that was asked for in these words."""
        found = self._ask("SELECT id FROM executions WHERE request LIKE ?", words)
        assert len(found) < 2, f"{len(found)} runs of “{words}”"
        return str(found[0]["id"]) if found else None

    def state(self, words: str) -> str:
        return str(
            self._ask("SELECT state FROM executions WHERE request LIKE ?", words)[0]["state"]
        )

    def has_work(self, words: str) -> bool:
        """Whether something is still to be posted or updated for this run."""
        query = """
            SELECT 1 FROM outbox JOIN executions ON executions.id = outbox.execution_id
            WHERE request LIKE ?
              AND (outbox.state IN ('queued', 'sending')
                   OR outbox.state = 'posted' AND shown_version < version)
            LIMIT 1
        """
        return bool(self._ask(query, words))

    def decision(self, checkpoint: str) -> str | None:
        """The action that decided this checkpoint, if one did."""
        found = self._sql.ask("SELECT action FROM checkpoints WHERE id = ?", checkpoint)
        return found[0]["action"] if found else None

    def checkpoints(self, words: str) -> list[CheckpointRow]:
        query = """
            SELECT checkpoints.id, checkpoints.state, checkpoints.action, checkpoints.text,
                   checkpoints.actor, phase_runs.phase, phase_runs.revision
            FROM checkpoints
            JOIN executions ON executions.id = checkpoints.execution_id
            JOIN phase_runs ON phase_runs.id = checkpoints.phase_run_id
            WHERE request LIKE ? ORDER BY checkpoints.seq
        """
        return [
            CheckpointRow(**{**row, "actor": fields(row["actor"]).get("id", "")})
            for row in self._ask(query, words)
        ]

    def decisions_written(self, words: str) -> Counter[str]:
        """How often each checkpoint's decision stands in the log of what happened."""
        query = """
            SELECT facts FROM audit JOIN executions ON executions.id = audit.execution_id
            WHERE request LIKE ? AND event IN ('checkpoint.decided', 'checkpoint.expired')
        """
        return Counter(fields(row["details"])["checkpoint"] for row in self._ask(query, words))

    def phases(self, words: str) -> list[PhaseRow]:
        """Every run of a phase, in the order in which they were queued."""
        query = """
            SELECT phase, revision, attempt, phase_runs.state, phase_runs.created_at,
                   phase_runs.ended_at
            FROM phase_runs JOIN executions ON executions.id = phase_runs.execution_id
            WHERE request LIKE ? ORDER BY seq
        """
        return [
            PhaseRow(
                **{
                    **row,
                    "created_at": seconds(row["created_at"]),
                    "ended_at": seconds(row["ended_at"]),
                }
            )
            for row in self._ask(query, words)
        ]

    def deadlines(self, words: str) -> list[tuple[float, float]]:
        """Of each checkpoint when it was due, and when it was decided (0: it was not)."""
        query = """
            SELECT deadline, decided_at FROM checkpoints
            JOIN executions ON executions.id = checkpoints.execution_id
            WHERE request LIKE ? ORDER BY seq
        """
        return [
            (seconds(row["deadline"]), seconds(row["decided_at"]))
            for row in self._ask(query, words)
        ]

    def moment(self, words: str) -> str:
        """How far a run is, in a few words."""
        if self.execution(words) is None:
            return "before it was asked for"
        query = """
            SELECT key, outbox.state FROM outbox
            JOIN executions ON executions.id = outbox.execution_id
            WHERE request LIKE ?
              AND (outbox.state IN ('queued', 'sending')
                   OR outbox.state = 'posted' AND shown_version < version)
            ORDER BY seq
        """
        said = [f"{row['key'].partition(':')[0]} {row['state']}" for row in self._ask(query, words)]
        last = self.phases(words)[-1]
        open_messages = f"; {', '.join(said)}" if said else ""
        return f"{self.state(words)}, {last.phase} {last.state}{open_messages}"

    def _ask(self, query: str, words: str) -> list[dict[str, Any]]:
        return self._sql.ask(query, f"%{words}%")
