"""What the routes for lists of executions and checkpoints do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastapi import HTTPException

from bot.api import cursors, execution_bodies
from bot.api.access import Caller
from bot.api.services import Services
from storage.errors import UnknownExecution
from storage.history_reads import ExecutionFilter, ListedExecution, Place, Visible, WaitingAt
from storage.policy import may_decide
from storage.records import Actor, ActorKind, Execution
from storage.waiting_reads import Candidate

MOST_CANDIDATES: Final = 2_000
"""Checkpoints with the nearest deadlines, among which those for one person are looked for."""

_NO_DEADLINE: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class History:
    """One method per route. They raise CountersignError or HTTPException to refuse."""

    services: Services

    def visible(self, caller: Caller) -> Visible | None:
        channels = self.services.access.channels(caller)
        if channels is None or caller.person is None:
            return None
        return Visible(channels, Actor(ActorKind.SLACK, caller.person))

    def executions(
        self, wanted: ExecutionFilter, *, cursor: str | None, limit: int
    ) -> execution_bodies.ExecutionsBody:
        after = None
        if cursor is not None:
            created_at, execution_id = cursors.decode(cursor, (str, str))
            after = Place(cursors.decode_time(created_at), str(execution_id))
        page = self.services.reads.executions_page(wanted, after=after, limit=limit + 1)
        items, following = page[:limit], None
        if len(page) > limit:
            last = items[-1].execution
            following = cursors.encode(last.created_at.isoformat(), last.id)
        return execution_bodies.ExecutionsBody(
            items=[execution_bodies.item(each) for each in items], next=following
        )

    def execution(self, caller: Caller, execution_id: str) -> execution_bodies.ExecutionBody:
        return self._body(self.services.access.execution(caller, execution_id))

    def cancel(self, caller: Caller, execution_id: str) -> execution_bodies.ExecutionBody:
        execution, actor = self._managed(caller, execution_id)
        return self._body(self.services.state.cancel(execution.id, actor=actor))

    def retry(self, caller: Caller, execution_id: str) -> execution_bodies.ExecutionBody:
        execution, actor = self._managed(caller, execution_id)
        return self._body(self.services.state.retry(execution.id, actor=actor))

    def _managed(self, caller: Caller, execution_id: str) -> tuple[Execution, Actor]:
        access = self.services.access
        execution = access.execution(caller, execution_id)
        return execution, access.actor(caller, execution.channel, execution.requester)

    def _body(self, execution: Execution) -> execution_bodies.ExecutionBody:
        reads = self.services.reads
        pending = reads.waiting_checkpoint(execution.id)
        waiting = None if pending is None else WaitingAt(pending.id, pending.name, pending.deadline)
        return execution_bodies.execution(
            ListedExecution(execution, waiting, reads.permalink(execution.id)),
            reads.checkpoints(execution.id),
            reads.phase_runs(execution.id),
        )

    def audit(
        self, caller: Caller, execution_id: str, *, cursor: str | None, limit: int
    ) -> execution_bodies.AuditBody:
        """The audit trail of an execution. It is there even after the execution was deleted, for
        callers who see all executions."""
        after = 0 if cursor is None else int(cursors.decode(cursor, (int,))[0])
        rows = self.services.reads.audit_trail(execution_id, after=after, limit=limit + 1)
        try:
            self.services.access.execution(caller, execution_id)
        except UnknownExecution:
            if caller.person is not None or not rows:
                raise
        following = cursors.encode(rows[limit - 1].seq) if len(rows) > limit else None
        items = [execution_bodies.audit_row(row) for row in rows[:limit]]
        return execution_bodies.AuditBody(items=items, next=following)

    def result(self, caller: Caller, execution_id: str) -> str:
        """The result as Markdown."""
        execution = self.services.access.execution(caller, execution_id)
        if execution.result is None:
            raise HTTPException(409, f"there is no result: the execution is {execution.state}")
        return execution.result.output

    def waiting(
        self, caller: Caller, *, cursor: str | None, limit: int
    ) -> execution_bodies.WaitingCheckpointsBody:
        """What waits for this caller to decide; for one who decides everything: all."""
        candidates = self.services.reads.waiting(limit=MOST_CANDIDATES)
        if cursor is not None:
            deadline, checkpoint_id = cursors.decode(cursor, (str, str))
            after = (cursors.decode_time(deadline), str(checkpoint_id))
            candidates = tuple(each for each in candidates if _place(each) > after)
        ordered = sorted(candidates, key=_place)
        page: list[Candidate] = []
        for candidate in ordered:
            if self._may_decide(caller, candidate):
                page.append(candidate)
            if len(page) > limit:
                break
        following = None
        if len(page) > limit:
            moment, last_id = _place(page[limit - 1])
            following = cursors.encode(moment.isoformat(), last_id)
        entries = self.services.reads.entries([each.checkpoint_id for each in page[:limit]])
        return execution_bodies.WaitingCheckpointsBody(
            items=[execution_bodies.waiting(each) for each in entries], next=following
        )

    def _may_decide(self, caller: Caller, candidate: Candidate) -> bool:
        if caller.person is None:
            return True
        access = self.services.access
        if not access.can_see(caller, candidate.requester, candidate.channel):
            return False
        actor = access.actor(caller, candidate.channel, candidate.requester)
        return may_decide(candidate.rule, actor=actor, requester=candidate.requester).allowed


def _place(candidate: Candidate) -> tuple[datetime, str]:
    return candidate.deadline or _NO_DEADLINE, candidate.checkpoint_id
