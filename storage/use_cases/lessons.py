"""Use cases of lessons: add, delete, list."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.db import sql
from storage.db.rows import AnyRow, find_checkpoint, find_execution
from storage.db.tables import lessons
from storage.db.transaction import Transaction, new_id
from storage.errors import NoLesson, NotAllowed, UnknownLesson
from storage.policy import may_decide
from storage.records import Actor, Lesson, RevisionMeans
from storage.states import CheckpointState

_ADD: Final = insert(lessons)
_CHANGE: Final = update(lessons).where(lessons.c.id == bindparam("of_id"))
_OF_CHECKPOINT: Final = select(lessons).where(lessons.c.checkpoint_id == bindparam("of_checkpoint"))
_BY_ID: Final = select(lessons).where(
    lessons.c.id == bindparam("of_id"), lessons.c.deleted_at.is_(None)
)
_OF_CREW: Final = (
    select(lessons)
    .where(lessons.c.crew == bindparam("of_crew"), lessons.c.deleted_at.is_(None))
    .order_by(lessons.c.seq)
)


def add(tx: Transaction, checkpoint_id: str, *, actor: Actor) -> Lesson:
    checkpoint = find_checkpoint(tx.connection, checkpoint_id)
    execution = find_execution(tx.connection, checkpoint.execution_id)
    verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
    if verdict.refusal is not None:
        raise NotAllowed(verdict.refusal, execution, checkpoint.rule)
    feedback = checkpoint.feedback
    has_words = (
        checkpoint.state is CheckpointState.REVISED
        and feedback is not None
        and feedback.means is RevisionMeans.RUN
    )
    if not execution.definition.lessons or not has_words or feedback is None:
        raise NoLesson(checkpoint)
    of_checkpoint = {"of_checkpoint": checkpoint_id}
    existing = sql.execute(tx.connection, _OF_CHECKPOINT, of_checkpoint).first()
    if existing is not None:
        sql.execute(tx.connection, _CHANGE, {"of_id": existing.id, "deleted_at": None})
        return _to_lesson(existing)
    lesson = {
        "id": new_id(),
        "crew": execution.crew,
        "checkpoint_id": checkpoint_id,
        "text": feedback.text,
        "by": actor,
        "at": tx.now,
    }
    sql.execute(tx.connection, _ADD, lesson)
    tx.audit(execution.id, "lesson.added", actor=actor, checkpoint=checkpoint_id)
    return _to_lesson(sql.execute(tx.connection, _OF_CHECKPOINT, of_checkpoint).rows[0])


def delete(tx: Transaction, lesson_id: str, *, actor: Actor) -> Lesson:
    """Delete a lesson; only those who may decide the checkpoint it came from may do so."""
    row = sql.execute(tx.connection, _BY_ID, {"of_id": lesson_id}).first()
    if row is None:
        raise UnknownLesson(lesson_id)
    checkpoint = find_checkpoint(tx.connection, row.checkpoint_id)
    execution = find_execution(tx.connection, checkpoint.execution_id)
    verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
    if verdict.refusal is not None:
        raise NotAllowed(verdict.refusal, execution, checkpoint.rule)
    sql.execute(tx.connection, _CHANGE, {"of_id": lesson_id, "deleted_at": tx.now})
    tx.audit(execution.id, "lesson.deleted", actor=actor, lesson=lesson_id)
    return _to_lesson(row)


def of_crew(connection: Connection, crew: str) -> tuple[Lesson, ...]:
    """Return the lessons that are not deleted, oldest first."""
    return tuple(map(_to_lesson, sql.execute(connection, _OF_CREW, {"of_crew": crew}).rows))


def _to_lesson(row: AnyRow) -> Lesson:
    return Lesson(id=row.id, crew=row.crew, text=row.text, by=row.by, at=row.at)
