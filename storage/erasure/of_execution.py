"""Erases one person's words from an execution that has ended, and from lessons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    Select,
    Text,
    bindparam,
    delete,
    select,
    type_coerce,
    update,
)

from storage.db import audit as audit_log
from storage.db import sql, statements
from storage.db.tables import (
    checkpoints,
    executions,
    lessons,
    outbox,
    phase_runs,
    revise_intents,
    webhook_deliveries,
    webhooks,
)
from storage.db.transaction import Transaction
from storage.erasure import words
from storage.erasure.words import ERASED, ERASED_TEXT, Decided, Place, is_by
from storage.records import Actor, PhaseOutput
from storage.states import ENDED
from storage.webhooks import DeliveryState

_OF_THIS: Final[BindParameter[str]] = bindparam("of_execution")

_EXECUTION: Final = select(
    executions.c.state,
    executions.c.request,
    executions.c.requester,
    executions.c.ended_by,
    executions.c.result,
).where(executions.c.id == _OF_THIS)
_CHECKPOINTS: Final[Select[Any]] = (
    select(
        checkpoints.c.id,
        checkpoints.c.actor,
        checkpoints.c.text,
        checkpoints.c.form_values,
        checkpoints.c.means,
        checkpoints.c.asked,
        checkpoints.c.asked_by,
        checkpoints.c.shown,
        phase_runs.c.phase_index,
        phase_runs.c.revision,
    )
    .join(phase_runs, phase_runs.c.id == checkpoints.c.phase_run_id)
    .where(checkpoints.c.execution_id == _OF_THIS)
    .order_by(checkpoints.c.seq)
)
_RUNS: Final = (
    select(
        phase_runs.c.id,
        phase_runs.c.phase_index,
        phase_runs.c.revision,
        phase_runs.c.feedback,
        phase_runs.c.output,
    )
    .where(phase_runs.c.execution_id == _OF_THIS)
    .order_by(phase_runs.c.seq)
)
_CHANGE_RUN: Final = update(phase_runs).where(phase_runs.c.id == bindparam("of_id"))

_MESSAGES: Final = select(outbox.c.seq, outbox.c.payload).where(outbox.c.execution_id == _OF_THIS)
_CHANGE_MESSAGE: Final = update(outbox).where(outbox.c.seq == bindparam("of_seq"))
_DELIVERIES: Final = select(webhook_deliveries.c.seq, webhook_deliveries.c.data).where(
    webhook_deliveries.c.execution_id == _OF_THIS
)
_CHANGE_DELIVERY: Final = update(webhook_deliveries).where(
    webhook_deliveries.c.seq == bindparam("of_seq")
)
_DELETE_BODIES: Final = (
    update(webhook_deliveries)
    .where(
        webhook_deliveries.c.execution_id == _OF_THIS,
        webhook_deliveries.c.state != DeliveryState.QUEUED,
    )
    .values(body=None)
)
_CLEAN_WEBHOOKS: Final = (
    update(webhooks).where(webhooks.c.execution_id == _OF_THIS).values(context={})
)
_DELETE_INTENTS: Final = delete(revise_intents).where(
    revise_intents.c.actor_id == bindparam("of_person"),
    revise_intents.c.checkpoint_id.in_(
        select(checkpoints.c.id).where(checkpoints.c.execution_id == _OF_THIS)
    ),
)


def erase_execution(tx: Transaction, execution_id: str, person: str) -> bool:
    """Erase the person's words and name. Returns False if the execution has not ended.

    Of an execution that was deleted, only the audit log is left to be erased.
    """
    of_this = {"of_execution": execution_id}
    sql.execute(tx.connection, statements.EXECUTION_LOCKED, {"of_id": execution_id})
    row = sql.execute(tx.connection, _EXECUTION, of_this).first()
    if row is not None:
        if row.state not in ENDED:
            return False
        _Erased(tx, execution_id, person).erase(row)
    seqs = audit_log.erase_people(tx.connection, [execution_id], person=person)
    tx.audit(execution_id, "person.erased")
    tx.audit_redacted(execution_id, seqs.get(execution_id, []))
    return True


@dataclass(frozen=True, slots=True)
class _Erased:
    tx: Transaction
    execution_id: str
    person: str

    def erase(self, execution: Any) -> None:
        of_this = {"of_execution": self.execution_id}
        rows = sql.execute(self.tx.connection, _CHECKPOINTS, of_this).rows
        runs = sql.execute(self.tx.connection, _RUNS, of_this).rows
        decisions = [
            Decided(each.text or "", each.means, each.phase_index, each.revision)
            for each in rows
            if is_by(each.actor, self.person)
        ]
        texts = {each.text for each in decisions if each.text}
        edited = _edited(runs, words.edited_at(decisions))
        for row in rows:
            self._change(statements.CHANGE_CHECKPOINT, row.id, self._of_checkpoint(row, edited))
        has_words = bool(decisions) or is_by(execution.requester, self.person)
        for run in runs if has_words else ():
            self._change(_CHANGE_RUN, run.id, self._of_run(run, texts, edited))
        self._change(
            statements.CHANGE_EXECUTION, self.execution_id, self._of_execution(execution, edited)
        )
        self._erase_names([execution.requester, execution.ended_by, *_actors(rows)])
        sql.execute(self.tx.connection, _DELETE_BODIES, of_this)
        if is_by(execution.requester, self.person):  # whose client chose what webhooks get
            sql.execute(self.tx.connection, _CLEAN_WEBHOOKS, of_this)
        sql.execute(self.tx.connection, _DELETE_INTENTS, of_this | {"of_person": self.person})

    def _erase_names(self, actors: Sequence[Actor | None]) -> None:
        """Erase the person from messages and deliveries, which have ids and names but no texts."""
        names = {one.name for one in actors if one is not None and is_by(one, self.person)}
        for rows_of, change in ((_MESSAGES, _CHANGE_MESSAGE), (_DELIVERIES, _CHANGE_DELIVERY)):
            rows = sql.execute(
                self.tx.connection, rows_of, {"of_execution": self.execution_id}
            ).rows
            for seq, value in rows:
                left = words.without_person(value, {self.person, *names} - {""})
                if left != value:
                    column = "payload" if rows_of is _MESSAGES else "data"
                    sql.execute(self.tx.connection, change, {column: left, "of_seq": seq})

    def _change(self, statement: Any, row_id: str, columns: Mapping[str, object]) -> None:
        if columns:
            sql.execute(self.tx.connection, statement, {**columns, "of_id": row_id})

    def _of_execution(self, row: Any, edited: Collection[str]) -> dict[str, object]:
        columns: dict[str, object] = {}
        if is_by(row.requester, self.person):
            columns["request"] = words.request_without_words(row.request)
            columns["requester"] = ERASED
            columns["requester_key"] = ""
        if is_by(row.ended_by, self.person):
            columns["ended_by"] = ERASED
        if row.result is not None:
            columns["result"] = words.output_without(row.result, edited)
        return columns

    def _of_checkpoint(self, row: Any, edited: Collection[str]) -> dict[str, object]:
        columns: dict[str, object] = {}
        if is_by(row.actor, self.person):
            columns["actor"] = ERASED
            columns["text"] = ERASED_TEXT if row.text else row.text
            columns["form_values"] = {} if row.form_values else row.form_values
        if is_by(row.asked_by, self.person):
            columns["asked_by"] = ERASED
            columns["asked"] = ERASED_TEXT if row.asked else row.asked
        if row.shown is not None:
            columns["shown"] = words.output_without(row.shown, edited)
        return columns

    def _of_run(
        self, row: Any, texts: Collection[str], edited: Collection[str]
    ) -> dict[str, object]:
        columns: dict[str, object] = {}
        feedback = words.text_without(row.feedback, texts)
        if feedback != row.feedback:
            columns["feedback"] = feedback
        if row.output is not None:
            columns["output"] = words.output_without(row.output, edited)
        return columns


def _actors(rows: Sequence[Any]) -> list[Actor | None]:
    return [actor for row in rows for actor in (row.actor, row.asked_by)]


def _edited(runs: Sequence[Any], places: Collection[Place]) -> frozenset[str]:
    outputs: list[PhaseOutput] = [
        run.output
        for run in runs
        if run.output is not None and (run.phase_index, run.revision) in places
    ]
    return frozenset(text for output in outputs for text in words.edited_texts(output))


# --- lessons --------------------------------------------------------------------------------------

LESSONS_OF: Final[Select[Any]] = select(lessons).where(
    type_coerce(lessons.c.by, Text).like(bindparam("of_actor", type_=Text), escape="\\")
)
_CHANGE_LESSON: Final = update(lessons).where(lessons.c.id == bindparam("of_id"))

_RUNS_WITH_LESSONS: Final[Select[Any]] = (
    select(phase_runs.c.seq, phase_runs.c.id, phase_runs.c.lessons)
    .join(executions, executions.c.id == phase_runs.c.execution_id)
    .where(
        executions.c.crew == bindparam("of_crew"),
        phase_runs.c.lessons.is_not(None),
        phase_runs.c.seq > bindparam("after"),
    )
    .order_by(phase_runs.c.seq)
    .limit(audit_log.ROWS_AT_ONCE)
)


def erase_lessons(tx: Transaction, person: str, pattern: str) -> int:
    """Delete the person's lessons and their texts, also where runs have applied them."""
    mine = [
        row
        for row in sql.execute(tx.connection, LESSONS_OF, {"of_actor": pattern}).rows
        if is_by(row.by, person)
    ]
    for row in mine:
        gone = {"text": ERASED_TEXT, "by": ERASED, "deleted_at": row.deleted_at or tx.now}
        sql.execute(tx.connection, _CHANGE_LESSON, {**gone, "of_id": row.id})
    for crew in {row.crew for row in mine}:
        _erase_applied(tx, crew, {row.text for row in mine if row.crew == crew})
    return len(mine)


def _erase_applied(tx: Transaction, crew: str, texts: Collection[str]) -> None:
    after = 0
    while rows := sql.execute(
        tx.connection, _RUNS_WITH_LESSONS, {"of_crew": crew, "after": after}
    ).rows:
        for row in rows:
            left = tuple(ERASED_TEXT if text in texts else text for text in row.lessons)
            if left != row.lessons:
                sql.execute(tx.connection, _CHANGE_RUN, {"lessons": left, "of_id": row.id})
        after = rows[-1].seq
