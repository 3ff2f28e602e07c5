"""Use cases of people: decide, intend to revise, reply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage.db import sql, statements
from storage.db.rows import (
    DecidableCheckpoint,
    execution_in_thread,
    find_checkpoint,
    find_execution,
    find_to_decide,
    waiting_checkpoint,
)
from storage.db.transaction import Transaction
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
from storage.policy import EVENT_OF_ACTION, may_decide
from storage.records import (
    HELD,
    OFFERED,
    Action,
    Actor,
    Checkpoint,
    CheckpointKind,
    Decided,
    Decision,
    Execution,
    Feedback,
    MessageRef,
    Reply,
    RevisionOffered,
    Talk,
)
from storage.states import CheckpointState, ExecutionEvent, ExecutionState, next_checkpoint
from storage.use_cases import inbox, transitions

INTENT_LIFETIME: Final = timedelta(minutes=15)


def decide(tx: Transaction, decision: Decision) -> Decided:
    found = find_to_decide(tx, decision.checkpoint_id)
    checkpoint, execution = found.checkpoint, found.execution
    if _repeats(found, decision):
        return Decided(checkpoint, execution)
    _admit(found, actor=decision.actor, message=decision.message)
    _check_words(checkpoint, decision)
    if decision.action is Action.REVISE:
        _check_revisions_left(found)
    feedback = Feedback(
        action=decision.action,
        text=decision.text.strip(),
        actor=decision.actor,
        at=tx.now,
        tasks=decision.tasks,
        outcome=_outcome(found, decision),
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
        after = take_effect(tx, found, decision.action, feedback)
    return Decided(replace(checkpoint, state=state, feedback=feedback), after)


def _repeats(found: DecidableCheckpoint, decision: Decision) -> bool:
    """Whether this very delivery made the decision that stands."""
    return (
        decision.delivery is not None
        and found.checkpoint.state is not CheckpointState.PENDING
        and found.delivery == decision.delivery
    )


def _admit(found: DecidableCheckpoint, *, actor: Actor, message: MessageRef | None) -> None:
    """Refuse the late, clicks on another message, and those who may not."""
    checkpoint, execution = found.checkpoint, found.execution
    if checkpoint.state is not CheckpointState.PENDING:
        raise AlreadyDecided(checkpoint)
    if message is not None and message != found.shown_by:
        raise OutdatedMessage(checkpoint)
    if execution.state is not ExecutionState.WAITING_FEEDBACK:
        raise Conflict("somebody decided while this waited for the lock")
    verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
    if verdict.refusal is not None:
        raise NotAllowed(verdict.refusal, execution, checkpoint.rule)


def _check_words(checkpoint: Checkpoint, decision: Decision) -> None:
    if decision.action not in OFFERED[checkpoint.kind]:
        raise NotOffered(checkpoint, decision.action)
    if not decision.text.strip() and _is_told_by_words(checkpoint, decision.action):
        raise TextNeeded("a revision and an answer need words")
    shown = {task.task for task in checkpoint.output.tasks}
    unknown = tuple(task for task in decision.tasks if task not in shown)
    if unknown:
        raise UnknownTasks(unknown, checkpoint)


def _is_told_by_words(checkpoint: Checkpoint, action: Action) -> bool:
    answers = checkpoint.kind is CheckpointKind.QUESTION and action is Action.CONTINUE
    return answers or action is Action.REVISE


def _check_revisions_left(found: DecidableCheckpoint) -> None:
    """A crew may bound how often a phase is revised."""
    definition = found.execution.definition
    most = definition.limits.revisions
    is_phase = found.checkpoint.kind is CheckpointKind.PHASE
    if is_phase and most is not None and found.checkpoint.revision > most:
        raise LimitReached("revisions", most, definition.name)


def _outcome(found: DecidableCheckpoint, decision: Decision) -> str | None:
    """The chosen outcome of a gate; going on without one takes the gate's own default."""
    offered = found.checkpoint.outcomes
    if not offered or decision.action in (Action.STOP, Action.REVISE):
        return None
    chosen = decision.outcome
    if chosen is None and decision.action is Action.SKIP:
        chosen = found.default_outcome
    if chosen not in offered:
        raise OutcomeNeeded(found.checkpoint, decision.outcome)
    return chosen


def take_effect(
    tx: Transaction, decided: DecidableCheckpoint, action: Action, feedback: Feedback
) -> Execution:
    """What a recorded decision leads to."""
    execution, kind = decided.execution, decided.checkpoint.kind
    if action is not Action.STOP and kind is CheckpointKind.GATE:
        return transitions.resume_flow(
            tx, execution, gate=decided.checkpoint.name, after=decided.phase_index
        )
    if action is not Action.STOP and kind in HELD:
        return transitions.move(tx, execution, ExecutionEvent.PROCEED)
    match action:
        case Action.CONTINUE | Action.SKIP:
            return transitions.go_on(
                tx,
                execution,
                after=decided.phase_index,
                onward=ExecutionEvent.PROCEED,
                last=ExecutionEvent.COMPLETE,
            )
        case Action.REVISE:
            running = transitions.move(tx, execution, ExecutionEvent.REVISE)
            transitions.queue_run(
                tx,
                running,
                phase_index=decided.phase_index,
                revision=decided.checkpoint.revision + 1,
                feedback=feedback.text,
                revise_tasks=feedback.tasks,
            )
            return running
        case Action.STOP:
            transitions.cancel_runs(tx, execution)
            stopped = transitions.move(tx, execution, ExecutionEvent.STOP, ended_by=feedback.actor)
            tx.audit(execution.id, "execution.stopped", actor=feedback.actor)
            return stopped


def intend_revise(
    tx: Transaction, checkpoint_id: str, *, actor: Actor, message: MessageRef | None
) -> Checkpoint:
    found = find_to_decide(tx, checkpoint_id)
    _admit(found, actor=actor, message=message)
    _check_revisions_left(found)  # before anybody writes what is to change
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
    return found.checkpoint


def drop_intent(tx: Transaction, checkpoint_id: str, *, actor: Actor) -> bool:
    intent = {"of_checkpoint": checkpoint_id, "of_actor": actor.id}
    return sql.execute(tx.connection, statements.DROP_INTENT, intent).changed > 0


def _intends(tx: Transaction, checkpoint: Checkpoint, actor: Actor) -> bool:
    intent = {"of_checkpoint": checkpoint.id, "of_actor": actor.id}
    expires_at = sql.execute(tx.connection, statements.INTENT, intent).scalar()
    return expires_at is not None and expires_at > tx.now


def reply(tx: Transaction, said: Reply) -> Decided | RevisionOffered | Talk:
    delivery = f"message:{said.channel}:{said.ts}"
    if inbox.seen(tx, delivery):
        return Talk()
    checkpoint = _waiting_in_thread(tx, said)
    if checkpoint is None:
        return Talk()
    inbox.take(tx, delivery, execution_id=checkpoint.execution_id)
    if said.mentions_bot or _intends(tx, checkpoint, said.actor):
        answers = checkpoint.kind is CheckpointKind.QUESTION
        return decide(
            tx,
            Decision(
                checkpoint_id=checkpoint.id,
                action=Action.CONTINUE if answers else Action.REVISE,
                actor=said.actor,
                text=said.text,
                delivery=delivery,
            ),
        )
    execution = find_execution(tx.connection, checkpoint.execution_id)
    verdict = may_decide(checkpoint.rule, actor=said.actor, requester=execution.requester)
    return RevisionOffered(checkpoint, said.text) if verdict.allowed else Talk()


def _waiting_in_thread(tx: Transaction, said: Reply) -> Checkpoint | None:
    """The checkpoint that waits in this thread: the execution's own, or that of a message that
    had to be shown elsewhere."""
    execution = execution_in_thread(tx.connection, channel=said.channel, thread_ts=said.thread_ts)
    if execution is not None:
        return waiting_checkpoint(tx.connection, execution.id)
    place = {"of_channel": said.channel, "of_ts": said.thread_ts}
    moved = sql.execute(tx.connection, statements.MOVED_CHECKPOINT, place).scalar()
    return None if moved is None else find_checkpoint(tx.connection, moved)
