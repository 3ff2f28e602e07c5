"""Use cases of the files that phases write: keep them, approve them, publish them.

They concern executions with a working copy of their project. An approval only marks files as to be
published: a worker that has the project's folder writes them, however often it takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, TypeAlias

from sqlalchemy import Connection

from storage.db import file_statements, sql
from storage.db.rows import AnyRow, find_execution
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition, Workspace
from storage.kept_files import KeptFile, Publication, StoredFile
from storage.outbox import new_messages as outbox
from storage.records import Claim, Execution

Row: TypeAlias = dict[str, Any]


def has_working_copy(definition: CrewDefinition) -> bool:
    return definition.project is not None and definition.workspace is Workspace.COPY


def to_rows(claim: Claim, kept: Sequence[KeptFile]) -> list[Row]:
    """Return the rows of the files of a claimed phase run, none if it has no working copy.

    Call it before the transaction: hashing takes a while.
    """
    if not has_working_copy(claim.execution.definition):
        return []
    return [
        {
            "execution_id": claim.execution.id,
            "phase_run_id": claim.run.id,
            "path": file.path,
            "size": 0 if file.content is None else len(file.content),
            "mode": file.mode,
            "sha256": None if file.content is None else sha256(file.content).hexdigest(),
            "content": file.content,
        }
        for file in kept
    ]


def keep(tx: Transaction, claim: Claim, rows: Sequence[Row]) -> None:
    """Store the files of a claimed phase run.

    Those of the phase's earlier runs stay until the phase is decided, as a reviewer may want one
    of these revisions; nobody else gets them.
    """
    if not has_working_copy(claim.execution.definition):
        return
    for row in rows:
        sql.execute(tx.connection, file_statements.ADD_FILE, row)


def copy(tx: Transaction, execution: Execution, *, of_run: str, to_run: str) -> None:
    """Give a phase run the files of another one."""
    if has_working_copy(execution.definition):
        values = {"of_run": of_run, "to_run": to_run}
        sql.execute(tx.connection, file_statements.COPY_FILES, values)


def delete_replaced(
    tx: Transaction, execution: Execution, *, phase_index: int, kept_run: str
) -> None:
    """Delete the files of a decided phase's other runs."""
    if has_working_copy(execution.definition):
        of_phase = {
            "of_execution": execution.id,
            "of_index": phase_index,
            "of_run": kept_run,
        }
        sql.execute(tx.connection, file_statements.DELETE_OTHER_FILES_OF_PHASE, of_phase)


def approve(tx: Transaction, execution: Execution, phase_run_id: str) -> None:
    """Mark the files of a phase run as to be published: a person or a timeout continued."""
    if not has_working_copy(execution.definition):
        return
    of_run = {"of_run": phase_run_id}
    if sql.execute(tx.connection, file_statements.RUN_TO_PUBLISH, of_run).first() is not None:
        _mark(tx, execution, phase_run_id)


def approve_unreviewed(tx: Transaction, execution: Execution) -> dict[int, str]:
    """Mark the files of the phases without a decision: the execution is complete.

    At a gate with outcomes only the flow knows what was decided, so it belongs to these. Returns
    the ids of the phase runs, by the index of the phase.
    """
    if not has_working_copy(execution.definition):
        return {}
    of_execution = {"of_execution": execution.id}
    runs = sql.execute(tx.connection, file_statements.UNREVIEWED_RUNS, of_execution).rows
    for run in runs:
        _mark(tx, execution, run.id)
    return {run.phase_index: run.id for run in runs}


def _mark(tx: Transaction, execution: Execution, phase_run_id: str) -> None:
    publication = {
        "execution_id": execution.id,
        "phase_run_id": phase_run_id,
        "project": execution.definition.project,
        "created_at": tx.now,
    }
    sql.execute(tx.connection, file_statements.ADD_PUBLICATION, publication)
    tx.audit(execution.id, "files.approved", run=phase_run_id)


def record_published(
    tx: Transaction, publication: Publication, *, files: int, refused: Sequence[str]
) -> None:
    """Record that a publication's files are in the project, except for the `refused` paths."""
    waiting = _waiting(tx, publication)
    if waiting is None:
        return
    values = {"of_seq": publication.seq, "published_at": tx.now, "error": None}
    sql.execute(tx.connection, file_statements.CHANGE_PUBLICATION, values)
    tx.audit(
        publication.execution_id,
        "files.published",
        run=publication.phase_run_id,
        files=files,
        refused=len(refused) or None,
    )
    if refused:
        reason = f"{len(refused)} of its files would have left the project's folder"
        _notify(tx, publication, f"refused:{publication.seq}", f"{reason}, or replaced a folder.")
    elif waiting.error is not None:
        _notify(tx, publication, f"published:{publication.seq}", "its files are written now.")


def record_not_published(
    tx: Transaction, publication: Publication, *, reason: str, delay: timedelta
) -> None:
    """Postpone a publication that failed. The first failure is audited and told in the thread."""
    waiting = _waiting(tx, publication)
    if waiting is None:
        return
    values = {
        "error": reason,
        "attempts": publication.attempts + 1,
        "not_before": tx.now + delay if delay else None,
    }
    sql.execute(
        tx.connection, file_statements.CHANGE_PUBLICATION, values | {"of_seq": publication.seq}
    )
    if waiting.error is None:
        tx.audit(publication.execution_id, "files.not_published", run=publication.phase_run_id)
        _notify(
            tx,
            publication,
            f"not-published:{publication.seq}",
            f"its files are approved but cannot be written into the project's folder: {reason} "
            "I keep trying.",
        )


def _waiting(tx: Transaction, publication: Publication) -> AnyRow | None:
    """Return the row with the publication's error, or None if it was made already."""
    of_seq = {"of_seq": publication.seq}
    return sql.execute(tx.connection, file_statements.PUBLICATION_ERROR, of_seq).first()


def _notify(tx: Transaction, publication: Publication, key: str, text: str) -> None:
    execution = find_execution(tx.connection, publication.execution_id)
    notice = {"text": f"Phase {publication.phase}: {text}"}
    outbox.add_event_notice(tx, execution, notice, key=key)


# --- reads --------------------------------------------------------------------------------------


def of_execution(connection: Connection, execution_id: str) -> tuple[StoredFile, ...]:
    """Return the kept files of an execution, in the order of its phases."""
    values = {"of_execution": execution_id}
    rows = sql.execute(connection, file_statements.FILES_OF_EXECUTION, values).rows
    return tuple(map(_to_stored_file, rows))


def of_run(connection: Connection, phase_run_id: str) -> tuple[StoredFile, ...]:
    rows = sql.execute(connection, file_statements.FILES_OF_RUN, {"of_run": phase_run_id}).rows
    return tuple(map(_to_stored_file, rows))


def _to_stored_file(row: AnyRow) -> StoredFile:
    return StoredFile(
        seq=row.seq,
        path=row.path,
        size=row.size,
        mode=row.mode,
        deleted=row.sha256 is None,
        phase_index=row.phase_index,
    )


def publications_due(connection: Connection, **values: object) -> tuple[Publication, ...]:
    rows = sql.execute(connection, file_statements.PUBLICATIONS_DUE, values).rows
    return tuple(
        Publication(
            seq=row.seq,
            execution_id=row.execution_id,
            phase_run_id=row.phase_run_id,
            phase=row.phase,
            phase_index=row.phase_index,
            project=row.project,
            attempts=row.attempts,
        )
        for row in rows
    )


def newer_paths(connection: Connection, publication: Publication) -> frozenset[str]:
    """Return the paths that something newer has published into the same project."""
    values = {
        "of_project": publication.project,
        "of_execution": publication.execution_id,
        "of_seq": publication.seq,
        "of_index": publication.phase_index,
    }
    return frozenset(sql.execute(connection, file_statements.NEWER_PATHS, values).scalars())
