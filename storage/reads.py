"""Queries of the front ends and workers. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from threading import Lock
from time import monotonic
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, bindparam, func, literal_column, select

from storage.db import file_statements, message_statements, sql, statements
from storage.db.database import SystemClock, reading
from storage.db.rows import (
    execution_in_thread,
    find_checkpoint,
    find_execution,
    phase_runs_of,
    revisions_of,
    to_checkpoint,
    to_execution,
    to_outbox_row,
    waiting_checkpoint,
)
from storage.db.tables import (
    EXECUTION_IS_ACTIVE,
    EXECUTION_IS_OPEN,
    RUN_IS_DONE,
    RUN_IS_OPEN,
    checkpoints,
    crew_reports,
    executions,
    phase_runs,
)
from storage.definitions import CrewReport
from storage.errors import UnknownCheckpoint
from storage.event_reads import EventReads
from storage.history_reads import HistoryReads
from storage.kept_files import Publication, StoredFile
from storage.messages import OutboxRow
from storage.ports import SharedClock
from storage.records import (
    Action,
    Checkpoint,
    CheckpointKind,
    Counts,
    Execution,
    Lesson,
    PhaseRun,
    RevisionMeans,
    Usage,
)
from storage.states import ENDED, CheckpointState, ExecutionState, PhaseRunState
from storage.use_cases import files, lessons
from storage.use_cases.phase_runs import anything_due
from storage.waiting_reads import ListReads
from storage.webhook_reads import WebhookReads

EXACT_COUNT_LIMIT: Final = 200
"""Up to this many active executions are counted for every call."""

COUNTS_CACHE_SECONDS: Final = 10.0
"""Seconds for which a larger count is cached."""

RUNNING_LIMIT: Final = 100

RECENT_RUNS: Final = 200
"""The newest runs of a phase to search for those of one crew: other crews may have a phase of the
same name."""


_OPEN_RUN: Final = (PhaseRunState.QUEUED, PhaseRunState.RUNNING)

_SYSTEM: Final = SystemClock()

_REPORTS: Final = select(crew_reports)

_CHECKPOINTS: Final = statements.CHECKPOINTS.where(
    checkpoints.c.execution_id == bindparam("of_execution")
).order_by(checkpoints.c.seq)

_DECISIONS: Final = (
    select(phase_runs.c.phase, checkpoints.c.action)
    .join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
    .where(
        checkpoints.c.execution_id == bindparam("of_execution"),
        checkpoints.c.kind == literal_column(f"'{CheckpointKind.PHASE.value}'"),
    )
    .order_by(checkpoints.c.seq)
)

_PROGRESS_OF_PHASE: Final = (
    select(phase_runs.c.progress)
    .where(
        phase_runs.c.execution_id == bindparam("of_execution"),
        phase_runs.c.phase_index == bindparam("of_index"),
        phase_runs.c.revision == bindparam("of_revision"),
    )
    .order_by(phase_runs.c.seq)
)

_NEWEST_OF_PHASE: Final = (
    select(phase_runs.c.execution_id, phase_runs.c.usage)
    .where(phase_runs.c.phase == bindparam("of_phase"), RUN_IS_DONE)
    .order_by(phase_runs.c.seq.desc())
    .limit(bindparam("newest"))
    .subquery()
)

_USAGES_OF_PHASE: Final = (
    select(_NEWEST_OF_PHASE.c.usage)
    .join(executions, executions.c.id == _NEWEST_OF_PHASE.c.execution_id)
    .where(executions.c.crew == bindparam("of_crew"), _NEWEST_OF_PHASE.c.usage.is_not(None))
    .limit(bindparam("most"))
)

_OPEN_RUNS: Final = (
    select(phase_runs.c.state)
    .where(RUN_IS_OPEN)
    .order_by(phase_runs.c.seq)
    .limit(bindparam("most"))
)

_ACTIVE: Final = select(executions.c.state).where(EXECUTION_IS_ACTIVE)


def _by_state(active: Select[Any]) -> Select[Any]:
    states = active.subquery()
    return select(states.c.state, func.count().label("number")).group_by(states.c.state)


_ALL_ACTIVE: Final = _by_state(_ACTIVE)
_SOME_ACTIVE: Final = _by_state(
    # In the order of their index.
    _ACTIVE.order_by(executions.c.crew, executions.c.requester_key).limit(bindparam("most"))
)


class Reads(ListReads, EventReads, HistoryReads, WebhookReads):
    """Each method reads one consistent snapshot. Safe to share between threads."""

    def __init__(self, engine: Engine, clock: SharedClock = _SYSTEM) -> None:
        super().__init__(engine)
        self._clock = clock
        self._counting = Lock()
        self._counted: Counts | None = None
        self._counts_expire_at = 0.0

    def execution(self, execution_id: str) -> Execution:
        """Return the execution with this id, or with this unique prefix of 4 characters or more.

        Raises UnknownExecution, AmbiguousExecution.
        """
        with reading(self._engine) as connection:
            return find_execution(connection, execution_id)

    def execution_in_thread(self, channel: str, thread_ts: str) -> Execution | None:
        with reading(self._engine) as connection:
            return execution_in_thread(connection, channel=channel, thread_ts=thread_ts)

    def executions(
        self,
        *,
        channel: str | None = None,
        states: Collection[ExecutionState] | None = None,
        limit: int = 20,
    ) -> tuple[Execution, ...]:
        """Return the newest executions first."""
        query = (
            select(*statements.EXECUTION_COLUMNS)
            .order_by(executions.c.created_at.desc())
            .limit(limit)
        )
        if channel is not None:
            query = query.where(executions.c.channel == channel)
        if states is not None:
            query = query.where(executions.c.state.in_(sorted(states)))
            if ENDED.isdisjoint(states):
                # The condition of the index that leaves out ended executions.
                query = query.where(EXECUTION_IS_OPEN)
        with reading(self._engine) as connection:
            return tuple(map(to_execution, sql.execute(connection, query).rows))

    def checkpoint(self, checkpoint_id: str) -> Checkpoint:
        """Raises UnknownCheckpoint."""
        with reading(self._engine) as connection:
            return find_checkpoint(connection, checkpoint_id)

    def checkpoints(self, execution_id: str) -> tuple[Checkpoint, ...]:
        """Return all checkpoints of an execution, in the order they were opened."""
        of_execution = {"of_execution": execution_id}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _CHECKPOINTS, of_execution).rows
        return tuple(map(to_checkpoint, rows))

    def revisions(self, checkpoint_id: str) -> tuple[Checkpoint, ...]:
        """Return the checkpoints of all revisions of the same phase, with outputs, oldest first.

        Raises UnknownCheckpoint.
        """
        of_id = {"of_id": checkpoint_id}
        with reading(self._engine) as connection:
            place = sql.execute(connection, statements.PLACE_OF_CHECKPOINT, of_id).first()
            if place is None:
                raise UnknownCheckpoint(checkpoint_id)
            return revisions_of(connection, place.execution_id, phase_index=place.phase_index)

    def was_decided_by(self, execution_id: str, delivery: str) -> bool:
        """Whether this delivery made a decision in the execution."""
        query = select(checkpoints.c.id).where(
            checkpoints.c.execution_id == execution_id, checkpoints.c.delivery == delivery
        )
        with reading(self._engine) as connection:
            return sql.execute(connection, query).first() is not None

    def is_editing(self, checkpoint_id: str, actor_id: str) -> bool:
        """Whether this person began to edit the output within the last 15 minutes."""
        intent = {
            "of_checkpoint": checkpoint_id,
            "of_actor": actor_id,
            "of_means": RevisionMeans.EDIT,
        }
        with reading(self._engine) as connection:
            expires_at = sql.execute(connection, statements.INTENT, intent).scalar()
            return expires_at is not None and expires_at > self._clock.at(connection)

    def waiting_checkpoint(self, execution_id: str) -> Checkpoint | None:
        with reading(self._engine) as connection:
            return waiting_checkpoint(connection, execution_id)

    def phase_runs(self, execution_id: str) -> tuple[PhaseRun, ...]:
        """Return all tries of all phases, oldest first."""
        with reading(self._engine) as connection:
            return phase_runs_of(connection, execution_id)

    def open_revision(self, execution_id: str) -> Checkpoint | None:
        """Return the checkpoint whose revision is queued or running, if one is."""
        with reading(self._engine) as connection:
            of_execution = {"of_execution": execution_id}
            run = sql.execute(connection, statements.LAST_RUN, of_execution).first()
            if run is None or run.revision == 1 or run.state not in _OPEN_RUN:
                return None
            state = {"of_state": CheckpointState.REVISED}
            revised = sql.execute(connection, statements.LAST_REVISED, of_execution | state)
            row = revised.first()
            return None if row is None else to_checkpoint(row)

    def progress_of_phase(
        self, execution_id: str, *, phase_index: int, revision: int
    ) -> tuple[Mapping[str, object], ...]:
        """Return the progress of each try of a revision of a phase, oldest first."""
        of_phase = {
            "of_execution": execution_id,
            "of_index": phase_index,
            "of_revision": revision,
        }
        with reading(self._engine) as connection:
            return tuple(sql.execute(connection, _PROGRESS_OF_PHASE, of_phase).scalars())

    def skipped_phases(self, execution_id: str) -> tuple[str, ...]:
        """Return the phases after which somebody, or the timeout, went on without approving."""
        of_execution = {"of_execution": execution_id}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _DECISIONS, of_execution).rows
        newest = {row.phase: row for row in rows}
        return tuple(phase for phase, row in newest.items() if row.action == Action.SKIP)

    def messages(self, keys: Collection[str]) -> dict[str, OutboxRow]:
        """Return the messages to Slack with these keys, by key."""
        named = {"of_keys": list(keys)}
        with reading(self._engine) as connection:
            rows = sql.execute(connection, message_statements.NAMED_MESSAGES, named).rows
        return {row.key: to_outbox_row(row) for row in rows}

    def permalink(self, key: str) -> str | None:
        """Return the address of a message: `checkpoint:ID` is a card, `output:ID` its output.

        None if the message is not posted, or its address not known yet.
        """
        message = self.messages([key]).get(key)
        return None if message is None else message.permalink

    def anything_due(self) -> bool:
        """Whether there is a phase run to claim."""
        with reading(self._engine) as connection:
            return anything_due(connection, self._clock.at(connection))

    def kept_files(self, execution_id: str) -> tuple[StoredFile, ...]:
        """Return the files that the phases of an execution wrote, in the order of the phases."""
        with reading(self._engine) as connection:
            return files.of_execution(connection, execution_id)

    def file_content(self, seq: int) -> bytes | None:
        """Return a kept file's bytes, or None if a revision has replaced it."""
        with reading(self._engine) as connection:
            return sql.execute(connection, file_statements.CONTENT, {"of_seq": seq}).scalar()

    def content_of(self, phase_run_id: str, path: str) -> bytes | None:
        """Return the bytes of a phase run's file, or None if it is no longer kept."""
        at_path = {"of_run": phase_run_id, "of_path": path}
        with reading(self._engine) as connection:
            return sql.execute(connection, file_statements.CONTENT_AT_PATH, at_path).scalar()

    def projects_to_publish(self) -> tuple[str, ...]:
        """Return the projects into which approved files have to be written now."""
        with reading(self._engine) as connection:
            now = {"now": self._clock.at(connection)}
            return tuple(sql.execute(connection, file_statements.PROJECTS_DUE, now).scalars())

    def publications_due(self, project: str) -> tuple[Publication, ...]:
        """Return the publications into a project, in the order of their approval."""
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            return files.publications_due(connection, of_project=project, now=now)

    def files_to_publish(self, publication: Publication) -> tuple[StoredFile, ...]:
        """Return a publication's files, without those that a newer one has published since."""
        with reading(self._engine) as connection:
            newer = files.newer_paths(connection, publication)
            kept = files.of_run(connection, publication.phase_run_id)
        return tuple(file for file in kept if file.path not in newer)

    def failed_publications(self) -> dict[str, tuple[int, str]]:
        """Return how many publications have failed so far and why, by project."""
        with reading(self._engine) as connection:
            rows = sql.execute(connection, file_statements.FAILED_PUBLICATIONS).rows
        return {row.project: (row.number, row.error) for row in rows}

    def running_phases(self) -> int:
        """Return how many phases run now, counted among the oldest RUNNING_LIMIT that are open."""
        with reading(self._engine) as connection:
            states = sql.execute(connection, _OPEN_RUNS, {"most": RUNNING_LIMIT}).scalars()
        return states.count(PhaseRunState.RUNNING)

    def lease_owners(self) -> tuple[str, ...]:
        """Return the owners of leases on phase runs and messages, expired leases included."""
        with reading(self._engine) as connection:
            runs = sql.execute(connection, statements.LEASE_OWNERS_OF_RUNS).scalars()
            messages = sql.execute(
                connection, message_statements.LEASE_OWNERS_OF_MESSAGES
            ).scalars()
        return tuple(dict.fromkeys([*runs, *messages]))

    def crew_reports(self) -> dict[str, CrewReport]:
        """Return the result of building each crew, by crew."""
        with reading(self._engine) as connection:
            rows = sql.execute(connection, _REPORTS).rows
        return {
            row.crew: CrewReport(
                crew=row.crew,
                problem=row.problem,
                phases=row.phases,
                checked_at=row.checked_at,
                examination=row.examination,
            )
            for row in rows
        }

    def lessons(self, crew: str) -> tuple[Lesson, ...]:
        """Return the lessons of a crew, oldest first."""
        with reading(self._engine) as connection:
            return lessons.of_crew(connection, crew)

    def usage_of_phase(self, crew: str, phase: str, *, runs: int = 20) -> tuple[Usage, ...]:
        """Return what the newest finished runs of a phase used, by model, for an estimate."""
        of_phase = {"of_crew": crew, "of_phase": phase, "most": runs, "newest": RECENT_RUNS}
        with reading(self._engine) as connection:
            return tuple(sql.execute(connection, _USAGES_OF_PHASE, of_phase).scalars())

    def counts(self) -> Counts:
        """Return the numbers of active executions and pending checkpoints.

        Counts of EXACT_COUNT_LIMIT and more are cached for COUNTS_CACHE_SECONDS.
        """
        with reading(self._engine) as connection:
            counts = _counts(connection, up_to=EXACT_COUNT_LIMIT)
            if counts.active_executions < EXACT_COUNT_LIMIT:
                return counts
            with self._counting:
                if self._counted is None or monotonic() > self._counts_expire_at:
                    self._counted = _counts(connection, up_to=None)
                    self._counts_expire_at = monotonic() + COUNTS_CACHE_SECONDS
                return self._counted


def _counts(connection: Connection, *, up_to: int | None) -> Counts:
    """Return the counts. Every waiting execution, and no other, has one pending checkpoint."""
    if up_to is None:
        counts = sql.execute(connection, _ALL_ACTIVE)
    else:
        counts = sql.execute(connection, _SOME_ACTIVE, {"most": up_to})
    by_state = {row.state: int(row.number) for row in counts.rows}
    return Counts(
        active_executions=sum(by_state.values()),
        pending_checkpoints=by_state.get(ExecutionState.WAITING_FEEDBACK, 0),
    )
