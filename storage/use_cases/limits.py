"""Bounds on how much is started at once and how often. Checked inside the transaction."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, func, select, text

from storage.db.tables import EXECUTION_IS_ACTIVE, executions
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition
from storage.errors import LimitReached
from storage.records import Actor

_STARTING: Final = 527_031
"""The kind of advisory lock under which starts of one crew are counted."""

_LOCK: Final = text("SELECT pg_advisory_xact_lock(:of_kind, hashtext(:of_crew))")


def key_of(actor: Actor) -> str:
    """A person as the limits count them."""
    return f"{actor.kind.value}:{actor.id}"


def check_start(tx: Transaction, definition: CrewDefinition, requester: Actor) -> None:
    """Raises LimitReached where one more start would be too many."""
    limits = definition.limits
    if limits.at_once is limits.per_person is limits.starts_per_hour is None:
        return
    _one_at_a_time(tx, definition.name)
    who, when = executions.c.requester_key, executions.c.created_at
    mine = who == key_of(requester)
    lately = when > tx.now - timedelta(hours=1)
    for name, most, counted, along in (
        ("at_once", limits.at_once, (EXECUTION_IS_ACTIVE,), who),
        ("per_person", limits.per_person, (EXECUTION_IS_ACTIVE, mine), who),
        ("starts_per_hour", limits.starts_per_hour, (lately,), when),
    ):
        if most is not None and _reach(tx, definition.name, most, counted, along):
            raise LimitReached(name, most, definition.name)


def _one_at_a_time(tx: Transaction, crew: str) -> None:
    """Whoever counts this crew's starts waits for those that counted before it to commit."""
    if tx.connection.dialect.name == "postgresql":  # SQLite has one writer as it is
        tx.connection.execute(_LOCK, {"of_kind": _STARTING, "of_crew": crew})


def _reach(
    tx: Transaction,
    crew: str,
    most: int,
    conditions: tuple[ColumnElement[bool], ...],
    along: ColumnElement[Any],
) -> bool:
    """Whether there are so many; more are not counted. `along` is the order of the index."""
    of_crew = (
        select(executions.c.crew)
        .where(executions.c.crew == crew, *conditions)
        .order_by(executions.c.crew, along)
        .limit(most)
    )
    counted = select(func.count()).select_from(of_crew.subquery())
    return bool(tx.connection.execute(counted).scalar_one() >= most)
