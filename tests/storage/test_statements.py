"""The statements that run often find their rows by an index, however many rows there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, Executable, event

from storage.db import statements
from storage.db.database import writing
from storage.outbox import due_messages
from tests.support.factories import NOON

ASKED_OFTEN: dict[str, tuple[Executable, dict[str, object]]] = {
    "the oldest phase run that is due": (statements.OLDEST_DUE, {"now": NOON}),
    "a phase run that a worker was told of": (
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
    "channels that take a post": (due_messages.FREE_CHANNELS, {"now": NOON}),
    "messages to post in a channel": (
        due_messages.POSTS_DUE,
        {"now": NOON, "most": 20, "of_channel": "C"},
    ),
    "messages to update": (due_messages.UPDATES_DUE, {"now": NOON, "most": 20}),
    "whether any message is to do": (statements.ANY_MESSAGE_TO_DO, {}),
    "the execution of a thread": (
        statements.EXECUTION_IN_THREAD,
        {"of_channel": "C", "of_thread_ts": "1.0"},
    ),
    "a message to show anew": (statements.BUMP_MESSAGE_VERSION, {"of_key": "root:x"}),
    "a phase run to renew": (
        statements.CHANGE_RUNNING,
        {"of_id": "x", "of_fence": 1, "lease_until": NOON + timedelta(seconds=30)},
    ),
    "the open phase runs of an execution": (
        statements.CHANGE_OPEN_RUNS,
        {"of_execution": "x", "ended_at": NOON},
    ),
}


@pytest.mark.parametrize("asked", ASKED_OFTEN)
def test_what_is_asked_often_is_found_by_an_index(engine: Engine, asked: str) -> None:
    statement, parameters = ASKED_OFTEN[asked]

    plan = plan_of(engine, statement, parameters)

    whole = [s for s in plan.splitlines() if ("SCAN" in s and "USING" not in s) or "Seq Scan" in s]
    assert [step for step in whole if step != "SCAN channels"] == []  # made by the statement itself
    assert "USING" in plan or "Index" in plan


def plan_of(engine: Engine, statement: Executable, parameters: dict[str, object]) -> str:
    """What the database says of the statement as it is really sent.

    PostgreSQL reads an empty table whole if it may: it is asked what it would do otherwise.
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
