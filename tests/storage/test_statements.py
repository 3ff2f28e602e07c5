"""Frequent statements find their rows by an index, regardless of the number of rows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Executable, event

from storage import waiting_reads
from storage.db import message_statements, statements
from storage.db.database import writing
from storage.outbox import due_messages
from tests.support.factories import NOON

FREQUENT: dict[str, tuple[Executable, dict[str, object]]] = {
    "the oldest phase run that is due": (statements.OLDEST_DUE, {"now": NOON}),
    "a phase run that a worker names": (
        statements.RUN_IF_DUE,
        {"now": NOON, "of_id": "x"},
    ),
    "whether anything is due": (statements.ANYTHING_DUE, {"now": NOON}),
    "all phase runs that are due": (statements.ALL_DUE, {"now": NOON, "most": 500}),
    "the phase runs of an owner": (statements.RUNNING_OF_OWNERS, {"owners": ["a", "b"]}),
    "outputs of an execution": (statements.OUTPUTS, {"of_execution": "x"}),
    "a checkpoint to decide": (statements.CHECKPOINT_TO_DECIDE, {"of_id": "x"}),
    "the waiting checkpoint": (statements.WAITING_CHECKPOINT, {"of_execution": "x"}),
    "overdue checkpoints": (statements.OVERDUE, {"now": NOON, "most": 100}),
    "who revised last": (statements.LAST_REVISER, {"of_execution": "x", "of_state": "revised"}),
    "what waits, by deadline": (waiting_reads.WAITING_WITH_DEADLINE, {"most": 100}),
    "what waits without a deadline": (waiting_reads.WAITING_WITHOUT_DEADLINE, {"most": 100}),
    "what was decided last": (waiting_reads.DECIDED, {"most": 100}),
    "the runs of a requester": (
        waiting_reads.RUNS_OF_REQUESTER,
        {"of_requester": "slack:U", "most": 10},
    ),
    "channels that are not paused": (due_messages.FREE_CHANNELS, {"now": NOON}),
    "messages to post in a channel": (
        due_messages.POSTS_DUE,
        {"now": NOON, "most": 20, "of_channel": "C"},
    ),
    "messages that get their buttons": (due_messages.ARMING_DUE, {"now": NOON, "most": 20}),
    "messages to update": (due_messages.UPDATES_DUE, {"now": NOON, "most": 20}),
    "root messages to update": (
        due_messages.ROOTS_DUE,
        {"now": NOON, "progress_since": NOON, "most": 20},
    ),
    "clicked messages to update": (
        message_statements.NAMED_MESSAGES_TO_UPDATE,
        {"now": NOON, "of_keys": ["checkpoint:x"]},
    ),
    "whether any message is left": (message_statements.ANY_MESSAGE_TO_DO, {}),
    "the execution of a thread": (
        statements.EXECUTION_IN_THREAD,
        {"of_channel": "C", "of_thread_ts": "1.0"},
    ),
    "a message to update": (message_statements.BUMP_MESSAGE_VERSION, {"of_key": "root:x"}),
    "a phase run to renew": (
        statements.CHANGE_RUNNING,
        {"of_id": "x", "of_fence": 1, "lease_until": NOON + timedelta(seconds=30)},
    ),
    "the open phase runs of an execution": (
        statements.CHANGE_OPEN_RUNS,
        {"of_execution": "x", "ended_at": NOON},
    ),
}


@pytest.mark.parametrize("name", FREQUENT)
def test_frequent_statements_use_an_index(engine: Engine, name: str) -> None:
    statement, parameters = FREQUENT[name]

    plan = plan_of(engine, statement, parameters)

    scans = [s for s in plan.splitlines() if ("SCAN" in s and "USING" not in s) or "Seq Scan" in s]
    assert [
        step for step in scans if step != "SCAN channels"
    ] == []  # a CTE of the statement itself
    assert "USING" in plan or "Index" in plan


def plan_of(engine: Engine, statement: Executable, parameters: dict[str, object]) -> str:
    """Return the database's plan for the statement as it is really sent.

    PostgreSQL prefers to read an empty table in full, so sequential scans are turned off.
    """
    sent: list[tuple[str, Any]] = []

    def sending(_connection: Any, _cursor: Any, sql: str, values: Any, *_others: Any) -> None:
        sent.append((sql, values))

    with writing(engine) as connection:
        event.listen(connection, "before_cursor_execute", sending)
        connection.execute(statement, parameters)
        [(sql, values)] = sent
        event.remove(connection, "before_cursor_execute", sending)
        if connection.dialect.name == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values).all()
            return "\n".join(row[3] for row in rows)
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = connection.exec_driver_sql(f"EXPLAIN {sql}", values).all()
    return "\n".join(row[0] for row in rows)
