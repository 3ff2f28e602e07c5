"""Erases what one person wrote, and that it was they who did it.

Each execution is erased in a transaction of its own, so the command can be interrupted and started
again, and the bot goes on meanwhile. An execution that has not ended is left, as it needs its words
to go on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Text,
    bindparam,
    delete,
    or_,
    select,
    type_coerce,
    union,
)

from storage.db import audit as audit_log
from storage.db import sql
from storage.db.api_tables import idempotency_keys, tokens
from storage.db.database import reading, writing
from storage.db.tables import audit, checkpoints, executions, revise_intents
from storage.db.transaction import Transaction
from storage.erasure.of_execution import LESSONS_OF, erase_execution, erase_lessons
from storage.ports import NoDispatch, SharedClock
from storage.state_manager import AGAIN
from storage.states import ENDED, ExecutionState

T = TypeVar("T")

LEASE: Final = timedelta(seconds=30)


def _is_like(column: Any) -> ColumnElement[bool]:
    """Whether the JSON text of an actor has the person's id."""
    return type_coerce(column, Text).like(bindparam("of_actor", type_=Text), escape="\\")


_PERSON: Final = bindparam("of_person", type_=Text)

_EXECUTIONS: Final = union(
    select(executions.c.id).where(
        or_(_is_like(executions.c.requester), _is_like(executions.c.ended_by))
    ),
    select(checkpoints.c.execution_id).where(
        or_(_is_like(checkpoints.c.actor), _is_like(checkpoints.c.asked_by))
    ),
    select(checkpoints.c.execution_id)
    .join(revise_intents, revise_intents.c.checkpoint_id == checkpoints.c.id)
    .where(revise_intents.c.actor_id == _PERSON),
    select(audit.c.execution_id).where(_is_like(audit.c.actor)),
)
_STATES: Final = select(executions.c.id, executions.c.state).where(
    executions.c.id.in_(bindparam("of_ids", expanding=True))
)
_TOKENS: Final = select(tokens.c.id).where(tokens.c.person == _PERSON)
_DELETE_TOKENS: Final = delete(tokens).where(
    or_(tokens.c.person == _PERSON, tokens.c.parent.in_(_TOKENS))
)
_DELETE_ANSWERS: Final = delete(idempotency_keys).where(
    or_(
        idempotency_keys.c.caller.in_(bindparam("of_callers", expanding=True)),
        idempotency_keys.c.body.like(bindparam("of_body", type_=Text), escape="\\"),
    )
)
"""Answers that were kept for repeated requests."""


@dataclass(frozen=True, slots=True)
class Traces:
    """Where the database names a person.

    `ended` executions can be erased. `running` ones have not ended. Of `gone` ones, which were
    deleted, only audit rows are left. `lessons` and `tokens` count those of the person.
    """

    ended: tuple[str, ...]
    running: tuple[str, ...]
    gone: tuple[str, ...]
    lessons: int
    tokens: int

    @property
    def any_erasable(self) -> bool:
        return bool(self.ended or self.gone or self.lessons or self.tokens)


class Erasure:
    def __init__(self, engine: Engine, *, clock: SharedClock, person: str) -> None:
        self._engine = engine
        self._clock = clock
        self._person = person

    def find(self) -> Traces:
        """Read where the person is named. This may take a while: it reads all rows."""
        values = {"of_actor": _pattern(self._person), "of_person": self._person}
        with reading(self._engine) as connection, _without_time_limit(connection):
            ids = connection.execute(_EXECUTIONS, values).scalars().all()
            states: dict[str, ExecutionState] = {}
            for some in audit_log.batched(ids, audit_log.ROWS_AT_ONCE):
                rows = sql.execute(connection, _STATES, {"of_ids": some}).rows
                states |= {row.id: row.state for row in rows}
            of_lessons = connection.execute(LESSONS_OF, values).all()
            of_tokens = connection.execute(_TOKENS, values).all()
        return Traces(
            ended=tuple(one for one in ids if states.get(one) in ENDED),
            running=tuple(one for one in ids if one in states and states[one] not in ENDED),
            gone=tuple(one for one in ids if one not in states),
            lessons=len(of_lessons),
            tokens=len(of_tokens),
        )

    def erase(self, traces: Traces, *, tell: Callable[[int, int], None]) -> int:
        """Erase what was found. Returns the number of executions, without those left."""
        self._commit(self._delete_tokens)
        self._commit(lambda tx: erase_lessons(tx, self._person, _pattern(self._person)))
        executions_to_erase = (*traces.ended, *traces.gone)
        erased = 0
        for number, execution_id in enumerate(executions_to_erase, start=1):
            erase = partial(erase_execution, execution_id=execution_id, person=self._person)
            erased += self._commit(erase)
            tell(number, len(executions_to_erase))
        return erased

    def _delete_tokens(self, tx: Transaction) -> None:
        of_person = {"of_person": self._person}
        callers = sql.execute(tx.connection, _TOKENS, of_person).scalars()
        answers = {"of_callers": callers, "of_body": _containing(self._person)}
        sql.execute(tx.connection, _DELETE_ANSWERS, answers)
        sql.execute(tx.connection, _DELETE_TOKENS, of_person)

    def _commit(self, use_case: Callable[[Transaction], T]) -> T:
        result: T = AGAIN(self._commit_once, use_case)
        return result

    def _commit_once(self, use_case: Callable[[Transaction], T]) -> T:
        with writing(self._engine) as connection:
            tx = Transaction(connection, self._clock, NoDispatch(), LEASE)
            result = use_case(tx)
            tx.flush()
        return result


def _pattern(person: str) -> str:
    return _containing(f'"id":{json.dumps(person)}')


def _containing(text: str) -> str:
    for special in ("\\", "%", "_"):
        text = text.replace(special, f"\\{special}")
    return f"%{text}%"


def _without_time_limit(connection: Connection) -> AbstractContextManager[None]:
    """For queries that read whole tables."""
    if connection.dialect.name != "postgresql":
        return nullcontext()
    from storage.db import postgresql  # its driver is an extra

    return postgresql.without_time_limit(connection)
