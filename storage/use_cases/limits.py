"""Bounds on how much is started at once and how often. Checked inside the transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Select, Text, bindparam, func, select

from storage.db import sql
from storage.db.tables import EXECUTION_IS_ACTIVE, executions
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition
from storage.errors import LimitReached
from storage.records import Actor

_STARTING: Final = 527_031
"""The kind of advisory lock under which starts of one crew are counted."""

_LOCK: Final = select(
    func.pg_advisory_xact_lock(
        bindparam("of_kind", type_=Integer), func.hashtext(bindparam("of_crew", type_=Text))
    )
)


def _count(*conditions: ColumnElement[bool], along: ColumnElement[Any]) -> Select[Any]:
    """How many there are of a crew, up to `most`. `along` is the order of the index."""
    of_crew = (
        select(executions.c.crew)
        .where(executions.c.crew == bindparam("of_crew"), *conditions)
        .order_by(executions.c.crew, along)
        .limit(bindparam("most"))
    )
    return select(func.count()).select_from(of_crew.subquery())


_WHO: Final = executions.c.requester_key
_WHEN: Final = executions.c.created_at
_ACTIVE: Final = _count(EXECUTION_IS_ACTIVE, along=_WHO)
_ACTIVE_OF_PERSON: Final = _count(
    EXECUTION_IS_ACTIVE, executions.c.requester_key == bindparam("of_requester"), along=_WHO
)
_STARTED_SINCE: Final = _count(executions.c.created_at > bindparam("since"), along=_WHEN)


def key_of(actor: Actor) -> str:
    """A person as the limits count them."""
    return f"{actor.kind.value}:{actor.id}"


def check_start(tx: Transaction, definition: CrewDefinition, requester: Actor) -> None:
    """Raises LimitReached where one more start would be too many."""
    limits = definition.limits
    if limits.at_once is limits.per_person is limits.starts_per_hour is None:
        return
    _one_at_a_time(tx, definition.name)
    mine = {"of_requester": key_of(requester)}
    lately = {"since": tx.now - timedelta(hours=1)}
    for name, most, statement, values in (
        ("at_once", limits.at_once, _ACTIVE, {}),
        ("per_person", limits.per_person, _ACTIVE_OF_PERSON, mine),
        ("starts_per_hour", limits.starts_per_hour, _STARTED_SINCE, lately),
    ):
        if most is not None and _reach(tx, definition.name, most, statement, values):
            raise LimitReached(name, most, definition.name)


def _one_at_a_time(tx: Transaction, crew: str) -> None:
    """Whoever counts this crew's starts waits for those that counted before it to commit."""
    if tx.connection.dialect.name == "postgresql":  # SQLite has one writer as it is
        sql.execute(tx.connection, _LOCK, {"of_kind": _STARTING, "of_crew": crew})


def _reach(
    tx: Transaction, crew: str, most: int, statement: Select[Any], values: Mapping[str, object]
) -> bool:
    of_crew = {**values, "of_crew": crew, "most": most}
    return bool(sql.execute(tx.connection, statement, of_crew).rows[0][0] >= most)
