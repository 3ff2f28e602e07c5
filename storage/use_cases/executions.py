"""Use cases on whole executions: start, cancel, retry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from storage.db import sql, statements
from storage.db.rows import find_execution, last_run_of, lock_execution, waiting_checkpoint
from storage.db.transaction import Transaction, new_id
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewReport, DecisionRule
from storage.errors import LeavingOutNotAllowed, NotAllowed, UnknownCheckpointName, WrongState
from storage.outbox import new_messages as outbox
from storage.policy import may_decide, may_manage
from storage.ports import NO_CIPHER, Cipher
from storage.records import Actor, Execution, Request
from storage.states import (
    CheckpointState,
    ExecutionEvent,
    ExecutionState,
    IllegalTransition,
    PhaseRunState,
    next_execution,
)
from storage.use_cases import inbox, limits, transitions, webhooks
from storage.webhooks import NewWebhook


def start(
    tx: Transaction,
    *,
    definition: CrewDefinition,
    request: Request,
    requester: Actor,
    channel: str | None,
    checkpoints: Sequence[str] | None,
    delivery: str | None,
    new_webhooks: Sequence[NewWebhook] = (),
    cipher: Cipher = NO_CIPHER,
) -> Execution:
    key = f"start:{delivery}"
    if delivery is not None and (earlier := inbox.started_execution(tx, key)) is not None:
        return find_execution(tx.connection, earlier)
    left_out = _left_out(definition, chosen=checkpoints, requester=requester)
    limits.check_start(tx, definition, requester)
    execution = Execution(
        id=new_id(),
        crew=definition.name,
        definition=definition,
        state=ExecutionState.PENDING,
        version=1,
        request=request,
        requester=requester,
        created_at=tx.now,
        updated_at=tx.now,
        channel=channel,
        phases=tuple(phase.name for phase in definition.phases),
        left_out=tuple(checkpoint.name for checkpoint in left_out),
        has_webhooks=bool(new_webhooks),
    )
    columns = {field.name: getattr(execution, field.name) for field in fields(Execution)}
    columns["requester_key"] = limits.key_of(requester)
    sql.execute(tx.connection, statements.ADD_EXECUTION, columns)
    tx.set_state(execution.id, execution.state, has_webhooks=execution.has_webhooks)
    webhooks.add(tx, execution.id, new_webhooks, cipher)
    if delivery is not None:
        inbox.record(tx, key, execution_id=execution.id)
    tx.audit(
        execution.id,
        "execution.started",
        actor=requester,
        crew=definition.name,
        left_out=list(execution.left_out) or None,
    )
    outbox.add_root(tx, execution)
    transitions.queue_run(tx, execution, phase_index=0)
    return execution


def _left_out(
    definition: CrewDefinition, *, chosen: Sequence[str] | None, requester: Actor
) -> list[CheckpointDefinition]:
    """Return the checkpoints that were not chosen; the requester must be allowed to decide each."""
    if chosen is None:
        return []
    names = {checkpoint.name for checkpoint in definition.checkpoints}
    for name in chosen:
        if name not in names:
            raise UnknownCheckpointName(name, definition)
    left_out = [c for c in definition.checkpoints if c.name not in chosen]
    for checkpoint in left_out:
        verdict = may_decide(checkpoint.rule, actor=requester, requester=requester)
        if verdict.refusal is not None:
            raise LeavingOutNotAllowed(checkpoint.name, verdict.refusal, checkpoint.rule)
    return left_out


def cancel(tx: Transaction, execution_id: str, *, actor: Actor) -> Execution:
    execution = lock_execution(tx, execution_id)
    _check_may_manage(execution, actor, ExecutionEvent.CANCEL)
    waiting = waiting_checkpoint(tx.connection, execution.id)
    if waiting is not None:
        transitions.record_feedback(tx, execution, waiting, CheckpointState.CANCELLED, None)
    transitions.cancel_runs(tx, execution)
    cancelled = transitions.apply(tx, execution, ExecutionEvent.CANCEL, ended_by=actor)
    tx.audit(execution.id, "execution.cancelled", actor=actor)
    outbox.add_event_notice(tx, cancelled, {"notice": "cancelled"}, key="cancelled")
    return cancelled


def retry(tx: Transaction, execution_id: str, *, actor: Actor) -> Execution:
    execution = lock_execution(tx, execution_id)
    _check_may_manage(execution, actor, ExecutionEvent.RETRY)
    running = transitions.apply(tx, execution, ExecutionEvent.RETRY, error=None, retry_helps=True)
    tx.urgent = True
    tx.audit(execution.id, "execution.retried", actor=actor)
    last = last_run_of(tx.connection, execution.id)
    if last.state is PhaseRunState.DONE:
        # The deadline failed the execution, not its phase: its output can be decided again.
        boundary = transitions.boundary_of(running, last)
        if boundary is not None:
            return transitions.open_checkpoint(tx, running, last, boundary)
    transitions.queue_run(
        tx,
        running,
        phase_index=last.phase_index,
        revision=last.revision,
        feedback=last.feedback,
        revise_tasks=last.revise_tasks,
    )
    return running


def _check_may_manage(execution: Execution, actor: Actor, event: ExecutionEvent) -> None:
    """Raises NotAllowed, or WrongState if the state does not accept the event."""
    verdict = may_manage(_rules(execution), actor=actor, requester=execution.requester)
    if verdict.refusal is not None:
        raise NotAllowed(verdict.refusal, execution, None)
    try:
        next_execution(execution.state, event)
    except IllegalTransition:
        raise WrongState(execution, event.value) from None


def _rules(execution: Execution) -> tuple[DecisionRule, ...]:
    definition = execution.definition
    own = () if definition.rule is None else (definition.rule,)
    return (*own, *(checkpoint.rule for checkpoint in definition.checkpoints))


def report_crew(tx: Transaction, report: CrewReport) -> None:
    values = {
        "problem": report.problem,
        "phases": report.phases,
        "checked_at": report.checked_at,
        "examination": report.examination,
    }
    of_crew = {"of_crew": report.crew}
    if sql.execute(tx.connection, statements.CHANGE_REPORT, values | of_crew).changed == 0:
        sql.execute(tx.connection, statements.ADD_REPORT, {"crew": report.crew, **values})
