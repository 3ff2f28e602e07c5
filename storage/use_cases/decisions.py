"""Use cases of people: decide, announce a revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage.characters import is_blank, trimmed
from storage.db import sql, statements
from storage.db.rows import (
    DecidableCheckpoint,
    find_decidable,
)
from storage.db.transaction import Transaction
from storage.decisions import Decided, Decision
from storage.definitions import CrewDefinition
from storage.errors import (
    AlreadyDecided,
    Conflict,
    LimitReached,
    NotAllowed,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    TextNeeded,
    UnknownTasks,
)
from storage.policy import EVENT_OF_ACTION, may_decide, offered_actions
from storage.records import (
    HELD,
    Action,
    Actor,
    Checkpoint,
    CheckpointKind,
    Execution,
    Feedback,
    MessageRef,
)
from storage.states import CheckpointState, ExecutionEvent, ExecutionState, next_checkpoint
from storage.use_cases import files, transitions

INTENT_LIFETIME: Final = timedelta(minutes=15)

MORE_WORDS_WITHIN: Final = timedelta(seconds=3)
"""How long a revision by a reply waits for the next message of the same person."""


def decide(tx: Transaction, decision: Decision) -> Decided:
    decidable = find_decidable(tx, decision.checkpoint_id)
    checkpoint, execution = decidable.checkpoint, decidable.execution
    if _repeats(decidable, decision):
        return Decided(checkpoint, execution)
    _check_admissible(decidable, actor=decision.actor, message=decision.message)
    _check_content(checkpoint, execution.definition, decision)
    if decision.action is Action.REVISE:
        _check_revisions_left(decidable)
    feedback = Feedback(
        action=decision.action,
        text=trimmed(decision.text),
        actor=decision.actor,
        at=tx.now,
        tasks=decision.tasks,
        outcome=_outcome(decidable, decision),
    )
    state = next_checkpoint(checkpoint.state, EVENT_OF_ACTION[decision.action])
    tx.urgent = True
    tx.audit(
        execution.id,
        "checkpoint.decided",
        actor=decision.actor,
        checkpoint=checkpoint.id,
        action=decision.action.value,
    )
    with tx.pipeline():
        transitions.record_feedback(
            tx, execution, checkpoint, state, feedback, delivery=decision.delivery
        )
        delay = MORE_WORDS_WITHIN if decision.may_go_on else None
        after = take_effect(tx, decidable, decision.action, feedback, delay=delay)
    return Decided(replace(checkpoint, state=state, feedback=feedback), after)


def _repeats(decidable: DecidableCheckpoint, decision: Decision) -> bool:
    """Whether this delivery already made the recorded decision."""
    return (
        decision.delivery is not None
        and decidable.checkpoint.state is not CheckpointState.PENDING
        and decidable.delivery == decision.delivery
    )


def _check_admissible(
    decidable: DecidableCheckpoint, *, actor: Actor, message: MessageRef | None
) -> None:
    """Raises AlreadyDecided, OutdatedMessage or NotAllowed."""
    checkpoint, execution = decidable.checkpoint, decidable.execution
    if checkpoint.state is not CheckpointState.PENDING:
        raise AlreadyDecided(checkpoint)
    if message is not None and message != decidable.message:
        raise OutdatedMessage(checkpoint)
    if execution.state is not ExecutionState.WAITING_FEEDBACK:
        raise Conflict("somebody decided while this transaction waited for the lock")
    verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
    if verdict.refusal is not None:
        raise NotAllowed(verdict.refusal, execution, checkpoint.rule)


def _check_content(checkpoint: Checkpoint, definition: CrewDefinition, decision: Decision) -> None:
    offered = offered_actions(checkpoint, definition)
    if decision.action not in offered:
        raise NotOffered(checkpoint, decision.action, offered)
    if is_blank(decision.text) and _needs_text(checkpoint, decision.action):
        raise TextNeeded("a revision or an answer needs text")
    tasks = {task.task for task in checkpoint.output.tasks}
    unknown = tuple(task for task in decision.tasks if task not in tasks)
    if unknown:
        raise UnknownTasks(unknown, checkpoint)


def _needs_text(checkpoint: Checkpoint, action: Action) -> bool:
    answers = checkpoint.kind is CheckpointKind.QUESTION and action is Action.CONTINUE
    return answers or action is Action.REVISE


def _check_revisions_left(decidable: DecidableCheckpoint) -> None:
    """Raises LimitReached if the crew allows no further revision of the phase."""
    definition = decidable.execution.definition
    most = definition.limits.revisions
    if (
        _runs_again(decidable.checkpoint)
        and most is not None
        and decidable.checkpoint.revision > most
    ):
        raise LimitReached("revisions", most, definition.name)


def _runs_again(checkpoint: Checkpoint) -> bool:
    """Whether a revision runs the phase again. A flow's own gate passes the words to the flow."""
    return checkpoint.kind is CheckpointKind.PHASE or checkpoint.at_method is not None


def _outcome(decidable: DecidableCheckpoint, decision: Decision) -> str | None:
    """Return the chosen outcome of a gate; a skip without one picks the gate's default."""
    offered = decidable.checkpoint.outcomes
    if not offered or decision.action in (Action.STOP, Action.REVISE):
        return None
    chosen = decision.outcome
    if chosen is None and decision.action is Action.SKIP:
        chosen = decidable.default_outcome
    if chosen not in offered:
        raise OutcomeNeeded(decidable.checkpoint, decision.outcome)
    return chosen


def take_effect(
    tx: Transaction,
    decided: DecidableCheckpoint,
    action: Action,
    feedback: Feedback,
    *,
    delay: timedelta | None = None,
) -> Execution:
    """Carry out a recorded decision; a revision runs after `delay`.

    Returns the execution after it.
    """
    execution, kind = decided.execution, decided.checkpoint.kind
    if action is Action.CONTINUE and kind not in HELD and not decided.checkpoint.outcomes:
        files.approve(tx, execution, decided.checkpoint.phase_run_id)
    revises = action is Action.REVISE and _runs_again(decided.checkpoint)
    if action is not Action.STOP and kind is CheckpointKind.GATE and not revises:
        return transitions.resume_flow(
            tx, execution, gate=decided.checkpoint.name, after=decided.phase_index
        )
    if action is not Action.STOP and kind in HELD:
        return transitions.apply(tx, execution, ExecutionEvent.PROCEED)
    match action:
        case Action.CONTINUE | Action.SKIP:
            return transitions.advance(
                tx,
                execution,
                after=decided.phase_index,
                next_event=ExecutionEvent.PROCEED,
                last=ExecutionEvent.COMPLETE,
            )
        case Action.REVISE:
            running = transitions.apply(tx, execution, ExecutionEvent.REVISE)
            transitions.queue_run(
                tx,
                running,
                phase_index=decided.phase_index,
                revision=decided.checkpoint.revision + 1,
                feedback=feedback.text,
                revise_tasks=feedback.tasks,
                delay=delay,
            )
            return running
        case Action.STOP:
            transitions.cancel_runs(tx, execution)
            stopped = transitions.apply(tx, execution, ExecutionEvent.STOP, ended_by=feedback.actor)
            tx.audit(execution.id, "execution.stopped", actor=feedback.actor)
            return stopped


def intend_revise(
    tx: Transaction, checkpoint_id: str, *, actor: Actor, message: MessageRef | None
) -> Checkpoint:
    decidable = find_decidable(tx, checkpoint_id)
    _check_admissible(decidable, actor=actor, message=message)
    _check_revisions_left(decidable)  # before anybody writes down what should change
    drop_intent(tx, checkpoint_id, actor=actor)
    sql.execute(
        tx.connection,
        statements.ADD_INTENT,
        {
            "checkpoint_id": checkpoint_id,
            "actor_id": actor.id,
            "expires_at": tx.now + INTENT_LIFETIME,
        },
    )
    return decidable.checkpoint


def drop_intent(tx: Transaction, checkpoint_id: str, *, actor: Actor) -> bool:
    intent = {"of_checkpoint": checkpoint_id, "of_actor": actor.id}
    return sql.execute(tx.connection, statements.DROP_INTENT, intent).changed > 0
