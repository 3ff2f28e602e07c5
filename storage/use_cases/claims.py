"""What a worker is handed with a phase run that it has claimed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from storage.db import sql, statements
from storage.db.rows import newest_outputs, resume_of
from storage.db.transaction import Transaction
from storage.definitions import Budget
from storage.errors import LeaseLost
from storage.records import Claim, Execution, PhaseOutput, PhaseRun, Resume, Usage
from storage.states import PhaseRunEvent, next_phase_run
from storage.use_cases import lessons


def taken(tx: Transaction, run: PhaseRun, *, owner: str) -> PhaseRun:
    """The run as it is once this owner has it: running, leased, and with the next fence."""
    return replace(
        run,
        state=next_phase_run(run.state, PhaseRunEvent.CLAIM),
        fence=run.fence + 1,
        started_at=tx.now,
        lease_owner=owner,
        lease_until=tx.now + tx.lease,
    )


def hand_over(
    tx: Transaction,
    run: PhaseRun,
    execution: Execution,
    *,
    owner: str,
    lost: bool = False,
) -> Claim:
    """The claim of a run that is written down as taken, with all that its child needs.

    `lost`: from another worker, whose lease ran out.
    """
    tx.audit(execution.id, "phase.claimed", run=run.id, fence=run.fence, lost=lost or None)
    spent, raises = _spent_before(tx, run, execution)
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
    )


def own(tx: Transaction, run: PhaseRun, **values: Any) -> None:
    """Write to a claimed phase run. Raises LeaseLost if it is no longer held by this fence."""
    mine = {"of_id": run.id, "of_fence": run.fence}
    tx.require(
        sql.execute(tx.connection, statements.CHANGE_RUNNING, values | mine), LeaseLost(run.id)
    )


def _spent_before(
    tx: Transaction, run: PhaseRun, execution: Execution
) -> tuple[tuple[Usage, ...], int]:
    """What other runs used, and how often the budget was raised; nothing where there is none."""
    if execution.definition.budget == Budget():
        return (), 0
    of_execution = {"of_execution": execution.id}
    usages = sql.execute(tx.connection, statements.USAGES, of_execution | {"of_id": run.id})
    raises = sql.execute(tx.connection, statements.RAISES, of_execution)
    return tuple(usages.scalars()), raises.scalar() or 0


def _resume_of(
    tx: Transaction, run: PhaseRun, outputs: Mapping[int, tuple[str, PhaseOutput]]
) -> Resume | None:
    """What a flow goes on with, where it paused before this phase."""
    _, before = outputs.get(run.phase_index - 1, ("", None))
    if before is None or before.pause is None:
        return None
    return resume_of(tx.connection, run.execution_id, phase_index=run.phase_index)


def _lessons_for(tx: Transaction, run: PhaseRun, execution: Execution) -> tuple[str, ...]:
    """The crew's lessons, noted as what this run was told."""
    if not execution.definition.lessons:
        return ()
    texts = tuple(lesson.text for lesson in lessons.of_crew(tx.connection, execution.crew))
    own(tx, run, lessons=texts)
    return texts
