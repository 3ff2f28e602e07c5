"""What a worker gets with a phase run that it has claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from storage import forms
from storage.db import sql, statements
from storage.db.rows import newest_outputs, resume_of
from storage.db.transaction import Transaction
from storage.definitions import Budget, Json
from storage.errors import LeaseLost
from storage.records import Claim, Execution, PhaseOutput, PhaseRun, Resume, Usage
from storage.states import PhaseRunEvent, next_phase_run
from storage.use_cases import lessons


def as_claimed(tx: Transaction, run: PhaseRun, *, owner: str) -> PhaseRun:
    """Return the run as this owner claims it: running, leased, and with the next fence."""
    return replace(
        run,
        state=next_phase_run(run.state, PhaseRunEvent.CLAIM),
        fence=run.fence + 1,
        started_at=tx.now,
        lease_owner=owner,
        lease_until=tx.now + tx.lease,
    )


def build_claim(
    tx: Transaction,
    run: PhaseRun,
    execution: Execution,
    *,
    owner: str,
    lost: bool = False,
) -> Claim:
    """Return the claim of a run that is stored as claimed, with everything its child needs.

    `lost`: the lease of its last worker expired.
    """
    tx.set_state(execution.id, execution.state, has_webhooks=execution.has_webhooks)
    tx.audit(
        execution.id,
        "phase.claimed",
        run=run.id,
        phase=run.phase or None,
        revision=run.revision,
        fence=run.fence,
        lost=lost or None,
    )
    spent, raises = _earlier_usage(tx, run, execution)
    is_first = run.phase_index == 0 and run.revision == 1
    outputs = {} if is_first else newest_outputs(tx.connection, run.execution_id)
    return Claim(
        run=run,
        execution=execution,
        done=tuple(outputs[index] for index in sorted(outputs) if index < run.phase_index),
        previous=outputs[run.phase_index][1] if run.phase_index in outputs else None,
        owner=owner,
        fence=run.fence,
        lease_until=tx.now + tx.lease,
        resume=_resume_of(tx, run, outputs),
        lessons=_lessons_for(tx, run, execution),
        spent=spent,
        raises=raises,
        form_values=_form_values(tx, execution),
    )


def update_claimed(tx: Transaction, run: PhaseRun, **values: Any) -> None:
    """Write to a claimed phase run. Raises LeaseLost if its fence is no longer this one."""
    fenced = {"of_id": run.id, "of_fence": run.fence}
    tx.require(
        sql.execute(tx.connection, statements.CHANGE_RUNNING, values | fenced), LeaseLost(run.id)
    )


def _earlier_usage(
    tx: Transaction, run: PhaseRun, execution: Execution
) -> tuple[tuple[Usage, ...], int]:
    """Return what other runs used and how often the budget was raised, if the crew has a budget."""
    if execution.definition.budget == Budget():
        return (), 0
    of_execution = {"of_execution": execution.id}
    usages = sql.execute(tx.connection, statements.USAGES, of_execution | {"of_id": run.id})
    raises = sql.execute(tx.connection, statements.RAISES, of_execution)
    return tuple(usages.scalars()), raises.scalar() or 0


def _form_values(tx: Transaction, execution: Execution) -> dict[str, Json]:
    """Return what reviewers have filled in so far; what a later form asks for again is newer."""
    if not forms.fields_of(execution.definition):
        return {}
    of_execution = {"of_execution": execution.id}
    decided = sql.execute(tx.connection, statements.FORM_VALUES, of_execution).scalars()
    return {name: value for values in decided for name, value in values.items()}


def _resume_of(
    tx: Transaction, run: PhaseRun, outputs: Mapping[int, tuple[str, PhaseOutput]]
) -> Resume | None:
    """Return what a flow resumes with, if it paused before this phase."""
    _, before = outputs.get(run.phase_index - 1, ("", None))
    if before is None or before.pause is None:
        return None
    return resume_of(tx.connection, run.execution_id, phase_index=run.phase_index)


def _lessons_for(tx: Transaction, run: PhaseRun, execution: Execution) -> tuple[str, ...]:
    """Return the crew's lessons, after storing them with the run that applies them."""
    if not execution.definition.lessons:
        return ()
    texts = tuple(lesson.text for lesson in lessons.of_crew(tx.connection, execution.crew))
    update_claimed(tx, run, lessons=texts)
    return texts
