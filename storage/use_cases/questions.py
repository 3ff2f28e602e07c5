"""Use cases of a running child that asks: a tool's call, a question in words, the budget.

The child holds its place while it waits. When it dies, the question dies with it, and the child
that runs the phase again asks again; if the answer had been given meanwhile, it is handed on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage.db import sql, statements
from storage.db.rows import find_checkpoint, lock_execution, waiting_checkpoint
from storage.db.transaction import Transaction
from storage.errors import LeaseLost
from storage.outbox import outbox
from storage.records import HELD, Checkpoint, Claim, Execution, PhaseOutput, Question
from storage.states import CheckpointState, ExecutionEvent, ExecutionState
from storage.use_cases import transitions

HELD_AT_MOST: Final = timedelta(hours=1)
"""How long a child is held for an answer where crews.yml sets no timeout."""


def ask(tx: Transaction, held: Claim, question: Question) -> Checkpoint:
    execution = lock_execution(tx, held.execution.id)
    if execution.state is not ExecutionState.RUNNING:
        raise LeaseLost(held.run.id)
    given = _given_before(tx, held, question)
    if given is not None:
        return given
    definition = transitions.inside(execution, question.name, description=question.message)
    if definition.rule.timeout is None:
        definition = replace(definition, rule=replace(definition.rule, timeout=HELD_AT_MOST))
    checkpoint_id = transitions.add_checkpoint(
        tx,
        execution,
        held.run,
        definition,
        inner={
            "kind": question.kind,
            "question_key": question.key,
            "shown": PhaseOutput(question.shown),
            "given_to": held.fence,
        },
    )
    waiting = transitions.move(tx, execution, ExecutionEvent.CHECKPOINT)
    tx.audit(execution.id, "checkpoint.opened", checkpoint=checkpoint_id, kind=question.kind.value)
    outbox.checkpoint(tx, waiting, checkpoint_id)
    return find_checkpoint(tx.connection, checkpoint_id)


def _given_before(tx: Transaction, held: Claim, question: Question) -> Checkpoint | None:
    """The answer to this question that an earlier child of this phase run did not live to use."""
    asked = {"of_run": held.run.id, "of_key": question.key, "of_fence": held.fence}
    checkpoint_id = sql.execute(tx.connection, statements.ANSWERED_QUESTION, asked).scalar()
    if checkpoint_id is None:
        return None
    given = {"of_id": checkpoint_id, "given_to": held.fence}
    sql.execute(tx.connection, statements.CHANGE_CHECKPOINT, given)
    return find_checkpoint(tx.connection, checkpoint_id)


def withdraw(tx: Transaction, execution: Execution) -> Execution:
    """Take back what a child asked that is dead now, and let the execution run."""
    if execution.state is not ExecutionState.WAITING_FEEDBACK:
        return execution
    waiting = waiting_checkpoint(tx.connection, execution.id)
    if waiting is None or waiting.kind not in HELD:
        return execution
    transitions.record_feedback(tx, execution, waiting, CheckpointState.CANCELLED, None)
    tx.audit(execution.id, "checkpoint.withdrawn", checkpoint=waiting.id)
    return transitions.move(tx, execution, ExecutionEvent.CLAIM)
