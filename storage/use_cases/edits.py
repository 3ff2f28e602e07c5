"""Use cases of texts that a person writes or chooses: edit an output, use an earlier revision.

Each decides the checkpoint as revised, and at once opens the next one with a run that is done: no
worker and no model take part. The new checkpoint is then decided like any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from storage import edited_output
from storage.db.rows import (
    DecidableCheckpoint,
    find_decidable,
    revisions_of,
    waiting_checkpoint,
)
from storage.db.transaction import Transaction, new_id
from storage.decisions import Edit, Reopened, UseRevision
from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.errors import (
    BlankEdit,
    LimitReached,
    NothingChanged,
    NotOffered,
    StaleExecution,
    UnknownRevision,
    UnknownTasks,
    WrongStructure,
)
from storage.output_hash import output_hash
from storage.policy import offered_actions
from storage.records import (
    Action,
    Actor,
    Checkpoint,
    CheckpointKind,
    Feedback,
    PhaseOutput,
    PhaseRun,
    RevisionMeans,
)
from storage.states import CheckpointEvent, ExecutionEvent, PhaseRunState, next_checkpoint
from storage.use_cases import amp_reports, decisions, files, transitions

MAX_OUTPUT_BYTES: Final = 10 * 1024 * 1024
"""The most bytes of an edited output if the crew sets no limit."""


@dataclass(frozen=True, slots=True)
class _NewText:
    """An output that replaces a checkpoint's, and how it came about.

    `files_of` is the phase run whose files belong to it.
    """

    output: PhaseOutput
    means: RevisionMeans
    text: str
    files_of: str


def edit(tx: Transaction, wish: Edit) -> Reopened:
    decidable = find_decidable(tx, wish.checkpoint_id)
    repeated = _repeated(tx, decidable, wish.delivery)
    if repeated is not None:
        return repeated
    _check(decidable, wish)
    checkpoint = decidable.checkpoint
    output = _edited(checkpoint, decidable.execution.definition, wish)
    new = _NewText(output, RevisionMeans.EDIT, "", files_of=checkpoint.phase_run_id)
    return _reopen(tx, decidable, new, actor=wish.actor, delivery=wish.delivery)


def use_revision(tx: Transaction, wish: UseRevision) -> Reopened:
    decidable = find_decidable(tx, wish.checkpoint_id)
    repeated = _repeated(tx, decidable, wish.delivery)
    if repeated is not None:
        return repeated
    _check(decidable, wish)
    checkpoint = decidable.checkpoint
    earlier = _earlier(tx, decidable, wish.revision)
    if output_hash(earlier.output) == output_hash(checkpoint.output):
        raise NothingChanged(checkpoint)
    new = _NewText(
        replace(earlier.output, usage={}, revised=True),
        RevisionMeans.EARLIER,
        f"revision {wish.revision}",
        files_of=earlier.phase_run_id,
    )
    return _reopen(tx, decidable, new, actor=wish.actor, delivery=wish.delivery)


def _repeated(
    tx: Transaction, decidable: DecidableCheckpoint, delivery: str | None
) -> Reopened | None:
    """Return the answer that this delivery got before, if it did."""
    if not decisions.repeats(decidable, delivery):
        return None
    replaced = decidable.checkpoint
    later = [
        each
        for each in revisions_of(
            tx.connection, replaced.execution_id, phase_index=decidable.phase_index
        )
        if each.revision == replaced.revision + 1
    ]
    if not later or replaced.feedback is None or replaced.feedback.means is RevisionMeans.RUN:
        return None
    return Reopened(later[0], decidable.execution)


def _check(decidable: DecidableCheckpoint, wish: Edit | UseRevision) -> None:
    """Raises AlreadyDecided, OutdatedMessage, NotAllowed or NotOffered."""
    decisions.check_admissible(decidable, actor=wish.actor, message=wish.message, shown=wish.shown)
    checkpoint, definition = decidable.checkpoint, decidable.execution.definition
    if checkpoint.kind is not CheckpointKind.PHASE:
        raise NotOffered(checkpoint, Action.REVISE, offered_actions(checkpoint, definition))


def _edited(checkpoint: Checkpoint, definition: CrewDefinition, wish: Edit) -> PhaseOutput:
    """Raises UnknownTasks, BlankEdit, WrongStructure, NothingChanged or LimitReached."""
    try:
        output = edited_output.with_texts(checkpoint.output, wish.texts)
    except edited_output.UnknownKeys as error:
        raise UnknownTasks(error.names, checkpoint) from None
    except edited_output.Blank:
        raise BlankEdit("an edit needs text") from None
    except edited_output.BadStructure as error:
        raise WrongStructure(checkpoint, error.task, str(error)) from None
    if output_hash(output) == output_hash(checkpoint.output):
        raise NothingChanged(checkpoint)
    most = definition.limits.output_bytes or MAX_OUTPUT_BYTES
    texts = [task.output for task in output.tasks] or [output.output]
    if sum(len(text.encode()) for text in texts) > most:
        raise LimitReached("output_bytes", most, definition.name)
    return output


def _earlier(tx: Transaction, decidable: DecidableCheckpoint, revision: int) -> Checkpoint:
    """Return the newest checkpoint of an earlier revision of the phase. Raises UnknownRevision."""
    checkpoint = decidable.checkpoint
    revisions = revisions_of(
        tx.connection, checkpoint.execution_id, phase_index=decidable.phase_index
    )
    matching = [
        each
        for each in revisions
        if each.revision == revision and each.revision < checkpoint.revision
    ]
    if not matching:
        raise UnknownRevision(revision, checkpoint)
    return matching[-1]


def _reopen(
    tx: Transaction,
    decidable: DecidableCheckpoint,
    new: _NewText,
    *,
    actor: Actor,
    delivery: str | None,
) -> Reopened:
    """Decide the checkpoint as revised, and open the next one with the new text."""
    checkpoint, execution = decidable.checkpoint, decidable.execution
    run = _done_run(tx, decidable, new.output)
    state = next_checkpoint(checkpoint.state, CheckpointEvent.REVISE)
    feedback = Feedback(
        action=Action.REVISE, text=new.text, actor=actor, at=tx.now, means=new.means
    )
    tx.audit(
        execution.id,
        "checkpoint.decided",
        actor=actor,
        checkpoint=checkpoint.id,
        name=checkpoint.name,
        phase=checkpoint.phase or None,
        revision=checkpoint.revision,
        action=Action.REVISE.value,
        means=new.means.value,
        output=output_hash(checkpoint.output),
        new_output=output_hash(new.output),
        run=run.id,
    )
    transitions.record_feedback(tx, execution, checkpoint, state, feedback, delivery=delivery)
    running = transitions.apply(tx, execution, ExecutionEvent.REVISE)
    transitions.add_done_run(tx, run)
    amp_reports.queue_tasks(tx, running, run, new.output)
    files.copy(tx, execution, of_run=new.files_of, to_run=run.id)
    definition = CheckpointDefinition(
        checkpoint.name,
        checkpoint.rule,
        description=checkpoint.description,
        summary=checkpoint.summary,
        form=checkpoint.form,
    )
    waiting = transitions.open_checkpoint(tx, running, run, definition)
    opened = waiting_checkpoint(tx.connection, execution.id)
    if opened is None:
        raise StaleExecution(execution.id)
    return Reopened(opened, waiting)


def _done_run(tx: Transaction, decidable: DecidableCheckpoint, output: PhaseOutput) -> PhaseRun:
    checkpoint = decidable.checkpoint
    return PhaseRun(
        id=new_id(),
        execution_id=checkpoint.execution_id,
        phase=checkpoint.phase,
        phase_index=decidable.phase_index,
        attempt=1,
        revision=checkpoint.revision + 1,
        state=PhaseRunState.DONE,
        fence=0,
        created_at=tx.now,
        started_at=tx.now,
        ended_at=tx.now,
        output=output,
    )
