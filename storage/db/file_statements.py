"""The statements on kept files and their publications, under the rules of `statements`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Select,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from storage.db.tables import PUBLICATION_IS_WAITING, checkpoints, files, phase_runs, publications
from storage.records import Action, CheckpointKind
from storage.states import PhaseRunState

ADD_FILE: Final = insert(files)

COPY_FILES: Final = insert(files).from_select(
    ["execution_id", "phase_run_id", "path", "size", "mode", "sha256", "content"],
    select(
        files.c.execution_id,
        bindparam("to_run", type_=files.c.phase_run_id.type),
        files.c.path,
        files.c.size,
        files.c.mode,
        files.c.sha256,
        files.c.content,
    )
    .where(files.c.phase_run_id == bindparam("of_run"))
    .order_by(files.c.seq),
)

DELETE_OTHER_FILES_OF_PHASE: Final = delete(files).where(
    files.c.execution_id == bindparam("of_execution"),
    files.c.phase_run_id != bindparam("of_run"),
    files.c.phase_run_id.in_(
        select(phase_runs.c.id).where(
            phase_runs.c.execution_id == bindparam("of_execution"),
            phase_runs.c.phase_index == bindparam("of_index"),
        )
    ),
)

_FILES: Final[Select[Any]] = select(
    files.c.seq,
    files.c.path,
    files.c.size,
    files.c.mode,
    files.c.sha256,
    phase_runs.c.phase_index,
).join(phase_runs, phase_runs.c.id == files.c.phase_run_id)

_newer_runs = phase_runs.alias("newer_runs")

_IS_NEWEST: Final = ~exists().where(
    _newer_runs.c.execution_id == phase_runs.c.execution_id,
    _newer_runs.c.seq > phase_runs.c.seq,
    _newer_runs.c.phase_index == phase_runs.c.phase_index,
    _newer_runs.c.state == literal_column(f"'{PhaseRunState.DONE.value}'"),
)
"""Earlier revisions keep their files until the phase is decided, but only for the reviewer."""

FILES_OF_EXECUTION: Final = _FILES.where(
    files.c.execution_id == bindparam("of_execution"), _IS_NEWEST
).order_by(phase_runs.c.phase_index, files.c.seq)

FILES_OF_RUN: Final = _FILES.where(files.c.phase_run_id == bindparam("of_run")).order_by(
    files.c.seq
)

CONTENT: Final = select(files.c.content).where(files.c.seq == bindparam("of_seq"))

CONTENT_AT_PATH: Final = select(files.c.content).where(
    files.c.phase_run_id == bindparam("of_run"), files.c.path == bindparam("of_path")
)

# --- publications -------------------------------------------------------------------------------

_HAS_FILES: Final = exists().where(files.c.phase_run_id == phase_runs.c.id)
_IS_MARKED: Final = exists().where(publications.c.phase_run_id == phase_runs.c.id)
_WAS_REVIEWED: Final = exists().where(
    checkpoints.c.phase_run_id == phase_runs.c.id,
    checkpoints.c.kind.in_(
        [literal_column(f"'{kind.value}'") for kind in (CheckpointKind.PHASE, CheckpointKind.GATE)]
    ),
    # Only the flow knows what an outcome means: it approves by going on to its end.
    or_(
        checkpoints.c.outcome.is_(None),
        checkpoints.c.action != literal_column(f"'{Action.CONTINUE.value}'"),
    ),
)

RUN_TO_PUBLISH: Final = select(phase_runs.c.id).where(
    phase_runs.c.id == bindparam("of_run"), _HAS_FILES, ~_IS_MARKED
)
"""The phase run, if it has files that are not published yet."""

UNREVIEWED_RUNS: Final = (
    select(phase_runs.c.id, phase_runs.c.phase_index)
    .where(
        phase_runs.c.execution_id == bindparam("of_execution"),
        _HAS_FILES,
        ~_IS_MARKED,
        ~_WAS_REVIEWED,
    )
    .order_by(phase_runs.c.phase_index)
)
"""The phase runs after which nobody decided, other than by choosing an outcome of a flow."""

ADD_PUBLICATION: Final = insert(publications)

_IS_DUE: Final = and_(
    PUBLICATION_IS_WAITING,
    or_(publications.c.not_before.is_(None), publications.c.not_before <= bindparam("now")),
)

PROJECTS_DUE: Final = select(publications.c.project).where(_IS_DUE).distinct()

PUBLICATIONS_DUE: Final = (
    select(
        publications.c.seq,
        publications.c.execution_id,
        publications.c.phase_run_id,
        phase_runs.c.phase,
        phase_runs.c.phase_index,
        publications.c.project,
        publications.c.attempts,
    )
    .join(phase_runs, phase_runs.c.id == publications.c.phase_run_id)
    .where(publications.c.project == bindparam("of_project"), _IS_DUE)
    .order_by(publications.c.seq)
)

NEWER_PATHS: Final = (
    select(files.c.path)
    .join(publications, publications.c.phase_run_id == files.c.phase_run_id)
    .join(phase_runs, phase_runs.c.id == files.c.phase_run_id)
    .where(
        publications.c.project == bindparam("of_project"),
        publications.c.published_at.is_not(None),
        or_(
            and_(
                publications.c.execution_id != bindparam("of_execution"),
                publications.c.seq > bindparam("of_seq"),
            ),
            and_(
                publications.c.execution_id == bindparam("of_execution"),
                phase_runs.c.phase_index > bindparam("of_index"),
            ),
        ),
    )
    .distinct()
)
"""The paths that a later approval, or a later phase of the same execution, has published."""

FAILED_PUBLICATIONS: Final = (
    select(
        publications.c.project,
        func.count().label("number"),
        func.max(publications.c.error).label("error"),
    )
    .where(PUBLICATION_IS_WAITING, publications.c.error.is_not(None))
    .group_by(publications.c.project)
    .order_by(publications.c.project)
)

CHANGE_PUBLICATION: Final = update(publications).where(
    publications.c.seq == bindparam("of_seq"), PUBLICATION_IS_WAITING
)

PUBLICATION_ERROR: Final = (
    select(publications.c.error)
    .where(publications.c.seq == bindparam("of_seq"), PUBLICATION_IS_WAITING)
    .with_for_update()
)
