"""A crew's limits on starts. They are checked inside the transaction that starts a run."""

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

_START_LOCK: Final = 527_031
"""The first key of the advisory lock under which the starts of one crew are counted."""

_LOCK: Final = select(
    func.pg_advisory_xact_lock(
        bindparam("of_kind", type_=Integer), func.hashtext(bindparam("of_crew", type_=Text))
    )
)


def _count(*conditions: ColumnElement[bool], along: ColumnElement[Any]) -> Select[Any]:
    """Count the executions of a crew, up to `most`. `along` is the second column of the index."""
    of_crew = (
        select(executions.c.crew)
        .where(executions.c.crew == bindparam("of_crew"), *conditions)
        .order_by(executions.c.crew, along)
        .limit(bindparam("most"))
    )
    return select(func.count()).select_from(of_crew.subquery())


_ACTIVE: Final = _count(EXECUTION_IS_ACTIVE, along=executions.c.requester_key)
_ACTIVE_OF_PERSON: Final = _count(
    EXECUTION_IS_ACTIVE,
    executions.c.requester_key == bindparam("of_requester"),
    along=executions.c.requester_key,
)
_STARTED_SINCE: Final = _count(
    executions.c.created_at > bindparam("since"), along=executions.c.created_at
)


def key_of(actor: Actor) -> str:
    """Return the key by which the limits count a requester."""
    return f"{actor.kind.value}:{actor.id}"


def check_start(tx: Transaction, definition: CrewDefinition, requester: Actor) -> None:
    """Raises LimitReached if one more start would exceed a limit."""
    limits = definition.limits
    if limits.at_once is limits.per_person is limits.starts_per_hour is None:
        return
    _serialize_starts(tx, definition.name)
    of_requester = {"of_requester": key_of(requester)}
    since = {"since": tx.now - timedelta(hours=1)}
    for name, most, statement, values in (
        ("at_once", limits.at_once, _ACTIVE, {}),
        ("per_person", limits.per_person, _ACTIVE_OF_PERSON, of_requester),
        ("starts_per_hour", limits.starts_per_hour, _STARTED_SINCE, since),
    ):
        if most is not None and _is_reached(tx, definition.name, most, statement, values):
            raise LimitReached(name, most, definition.name)


def _serialize_starts(tx: Transaction, crew: str) -> None:
    """Lock the starts of this crew until the commit, so that concurrent ones count each other."""
    if tx.connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        sql.execute(tx.connection, _LOCK, {"of_kind": _START_LOCK, "of_crew": crew})


def _is_reached(
    tx: Transaction, crew: str, most: int, statement: Select[Any], values: Mapping[str, object]
) -> bool:
    of_crew = {**values, "of_crew": crew, "most": most}
    return bool(sql.execute(tx.connection, statement, of_crew).rows[0][0] >= most)
