"""De-duplication: the same delivery never counts twice."""

from __future__ import annotations

from datetime import datetime

from storage.db import sql, statements
from storage.db.transaction import Transaction


def was_delivered(tx: Transaction, key: str) -> bool:
    """Whether a delivery with this key was recorded before."""
    return sql.execute(tx.connection, statements.DELIVERED, {"of_key": key}).first() is not None


def started_execution(tx: Transaction, key: str) -> str | None:
    """Return the execution that an earlier delivery with this key started, if any."""
    row = sql.execute(tx.connection, statements.DELIVERED, {"of_key": key}).first()
    return None if row is None else row.execution_id


def record(tx: Transaction, key: str, *, execution_id: str | None = None) -> None:
    """Record a delivery, in the same transaction as its effect."""
    delivery = {"key": key, "at": tx.now, "execution_id": execution_id}
    sql.execute(tx.connection, statements.ADD_DELIVERY, delivery)


def is_first(tx: Transaction, key: str) -> bool:
    """Record a delivery without an effect of its own; returns False if it was recorded before."""
    if was_delivered(tx, key):
        return False
    record(tx, key)
    return True


def delete_before(tx: Transaction, *, before: datetime) -> int:
    return sql.execute(tx.connection, statements.FORGET_DELIVERIES, {"before": before}).changed
