"""Use cases of people: decide, announce a revision."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from storage import forms
from storage.characters import is_blank, trimmed
from storage.db import sql, statements
from storage.db.rows import (
    DecidableCheckpoint,
    find_decidable,
)
from storage.db.transaction import Transaction
from storage.decisions import Decided, Decision
from storage.definitions import CrewDefinition, Json
from storage.errors import (
    AlreadyDecided,
    BadForm,
    Conflict,
    LimitReached,
    NotAllowed,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    TextNeeded,
    UnknownTasks,
)
from storage.output_hash import output_hash
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
    RevisionMeans,
)
from storage.states import CheckpointState, ExecutionEvent, ExecutionState, next_checkpoint
from storage.use_cases import files, transitions

INTENT_LIFETIME: Final = timedelta(minutes=15)

MORE_WORDS_WITHIN: Final = timedelta(seconds=3)
"""How long a revision by a reply waits for the next message of the same person."""


def decide(tx: Transaction, decision: Decision) -> Decided:
    decidable = find_decidable(tx, decision.checkpoint_id)
    checkpoint, execution = decidable.checkpoint, decidable.execution
    if repeats(decidable, decision.delivery):
        return Decided(checkpoint, execution)
    check_admissible(
        decidable, actor=decision.actor, message=decision.message, shown=decision.shown
    )
    _check_content(checkpoint, execution.definition, decision)
    if decision.action is Action.REVISE:
        _check_revisions_left(tx, decidable)
    feedback = Feedback(
        action=decision.action,
        text=trimmed(decision.text),
        actor=decision.actor,
        at=tx.now,
        tasks=decision.tasks,
        outcome=_outcome(decidable, decision),
        values=_form_values(checkpoint, decision),
    )
    state = next_checkpoint(checkpoint.state, EVENT_OF_ACTION[decision.action])
    tx.urgent = True
    tx.audit(
        execution.id,
        "checkpoint.decided",
        actor=decision.actor,
        checkpoint=checkpoint.id,
        name=checkpoint.name,
        phase=checkpoint.phase or None,
        revision=checkpoint.revision,
        action=decision.action.value,
        output=output_hash(checkpoint.output),
    )
    with tx.pipeline():
        transitions.record_feedback(
            tx, execution, checkpoint, state, feedback, delivery=decision.delivery
        )
        delay = MORE_WORDS_WITHIN if decision.may_go_on else None
        after = take_effect(tx, decidable, decision.action, feedback, delay=delay)
    return Decided(replace(checkpoint, state=state, feedback=feedback), after)


def repeats(decidable: DecidableCheckpoint, delivery: str | None) -> bool:
    """Whether this delivery already made the recorded decision."""
    return (
        delivery is not None
        and decidable.checkpoint.state is not CheckpointState.PENDING
        and decidable.delivery == delivery
    )


def check_admissible(
    decidable: DecidableCheckpoint,
    *,
    actor: Actor,
    message: MessageRef | None,
    shown: str | None = None,
) -> None:
    """Raises AlreadyDecided, OutdatedMessage or NotAllowed.

    `shown` is the hash of the output that the person saw, if it is known.
    """
    checkpoint, execution = decidable.checkpoint, decidable.execution
    if checkpoint.state is not CheckpointState.PENDING:
        raise AlreadyDecided(checkpoint)
    if message is not None and message != decidable.message:
        raise OutdatedMessage(checkpoint)
    if shown is not None and shown != output_hash(checkpoint.output):
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


def _form_values(checkpoint: Checkpoint, decision: Decision) -> dict[str, Json]:
    """Return the values of the checkpoint's form, which only Continue takes. Raises BadForm."""
    if decision.action is not Action.CONTINUE:
        return {}
    try:
        return forms.parse(checkpoint.form, decision.values)
    except forms.BadValues as error:
        raise BadForm(checkpoint, error.errors) from None


def _check_revisions_left(tx: Transaction, decidable: DecidableCheckpoint) -> None:
    """Raises LimitReached if the crew allows no further revision of the phase.

    Edits and earlier revisions run nothing, so they do not count.
    """
    definition, checkpoint = decidable.execution.definition, decidable.checkpoint
    most = definition.limits.revisions
    if most is None or not _runs_again(checkpoint) or checkpoint.revision <= most:
        return
    of_phase = {"of_execution": checkpoint.execution_id, "of_index": decidable.phase_index}
    counted = sql.execute(tx.connection, statements.REVISIONS_BY_RUN, of_phase).scalar() or 0
    if counted >= most:
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
    run_id, goes_on = decided.checkpoint.phase_run_id, action in (Action.CONTINUE, Action.SKIP)
    if goes_on and kind not in HELD and decided.checkpoint.revision > 1:
        files.delete_replaced(tx, execution, phase_index=decided.phase_index, kept_run=run_id)
    if action is Action.CONTINUE and kind not in HELD and not decided.checkpoint.outcomes:
        files.approve(tx, execution, run_id)
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
    check_admissible(decidable, actor=actor, message=message)
    _check_revisions_left(tx, decidable)  # before anybody writes down what should change
    _add_intent(tx, checkpoint_id, actor=actor, means=RevisionMeans.RUN)
    return decidable.checkpoint


def intend_edit(
    tx: Transaction,
    checkpoint_id: str,
    *,
    actor: Actor,
    message: MessageRef | None,
    shown: str | None,
) -> Checkpoint:
    decidable = find_decidable(tx, checkpoint_id)
    check_admissible(decidable, actor=actor, message=message, shown=shown)
    _add_intent(tx, checkpoint_id, actor=actor, means=RevisionMeans.EDIT)
    return decidable.checkpoint


def _add_intent(tx: Transaction, checkpoint_id: str, *, actor: Actor, means: RevisionMeans) -> None:
    drop_intent(tx, checkpoint_id, actor=actor)
    sql.execute(
        tx.connection,
        statements.ADD_INTENT,
        {
            "checkpoint_id": checkpoint_id,
            "actor_id": actor.id,
            "expires_at": tx.now + INTENT_LIFETIME,
            "means": means,
        },
    )


def drop_intent(tx: Transaction, checkpoint_id: str, *, actor: Actor) -> bool:
    intent = {"of_checkpoint": checkpoint_id, "of_actor": actor.id}
    return sql.execute(tx.connection, statements.DROP_INTENT, intent).changed > 0
