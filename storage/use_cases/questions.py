"""Use cases of a running child that asks: about a tool call, a question, or the budget.

The child keeps its slot while it waits. If it dies, its question is withdrawn, and the child that
runs the phase again asks again; an answer that arrived in between is passed on.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage.db import sql, statements
from storage.db.rows import find_checkpoint, lock_execution, waiting_checkpoint
from storage.db.transaction import Transaction
from storage.errors import LeaseLost
from storage.outbox import new_messages as outbox
from storage.records import HELD, Checkpoint, Claim, Execution, PhaseOutput, Question
from storage.states import CheckpointState, ExecutionEvent, ExecutionState
from storage.use_cases import amp_reports, transitions

ANSWER_TIMEOUT: Final = timedelta(hours=1)
"""How long a child waits for an answer if crews.yml sets no timeout."""


def ask(tx: Transaction, claim: Claim, question: Question) -> Checkpoint:
    execution = lock_execution(tx, claim.execution.id)
    if execution.state is not ExecutionState.RUNNING:
        raise LeaseLost(claim.run.id)
    answered = _earlier_answer(tx, claim, question)
    if answered is not None:
        return answered
    definition = transitions.inner_definition(
        execution, question.name, description=question.message
    )
    definition = replace(definition, form=())  # no phase would get its values
    if definition.rule.timeout is None:
        definition = replace(definition, rule=replace(definition.rule, timeout=ANSWER_TIMEOUT))
    checkpoint_id = transitions.add_checkpoint(
        tx,
        execution,
        claim.run,
        definition,
        inner={
            "kind": question.kind,
            "question_key": question.key,
            "shown": PhaseOutput(question.shown),
            "given_to": claim.fence,
        },
    )
    waiting = transitions.apply(tx, execution, ExecutionEvent.CHECKPOINT)
    tx.audit(
        execution.id,
        "checkpoint.opened",
        checkpoint=checkpoint_id,
        name=definition.name,
        phase=claim.run.phase or None,
        revision=claim.run.revision,
        kind=question.kind.value,
    )
    outbox.add_checkpoint(tx, waiting, checkpoint_id)
    amp_reports.queue_request(tx, waiting, checkpoint_id)
    return find_checkpoint(tx.connection, checkpoint_id)


def _earlier_answer(tx: Transaction, claim: Claim, question: Question) -> Checkpoint | None:
    """Return the answer to this question that an earlier child of this phase run did not use."""
    same_question = {"of_run": claim.run.id, "of_key": question.key, "of_fence": claim.fence}
    checkpoint_id = sql.execute(tx.connection, statements.ANSWERED_QUESTION, same_question).scalar()
    if checkpoint_id is None:
        return None
    values = {"of_id": checkpoint_id, "given_to": claim.fence}
    sql.execute(tx.connection, statements.CHANGE_CHECKPOINT, values)
    return find_checkpoint(tx.connection, checkpoint_id)


def withdraw(tx: Transaction, execution: Execution) -> Execution:
    """Cancel the question of a child that has died, and let the execution run."""
    if execution.state is not ExecutionState.WAITING_FEEDBACK:
        return execution
    waiting = waiting_checkpoint(tx.connection, execution.id)
    if waiting is None or waiting.kind not in HELD:
        return execution
    transitions.record_feedback(tx, execution, waiting, CheckpointState.CANCELLED, None)
    tx.audit(execution.id, "checkpoint.withdrawn", checkpoint=waiting.id)
    return transitions.apply(tx, execution, ExecutionEvent.CLAIM)
