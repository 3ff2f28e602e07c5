"""De-duplication of what is delivered to us: the same delivery never counts twice."""

from __future__ import annotations

from datetime import datetime

from storage.db import sql, statements
from storage.db.transaction import Transaction


def seen(tx: Transaction, key: str) -> bool:
    """Whether a delivery was taken before."""
    return sql.execute(tx.connection, statements.DELIVERED, {"of_key": key}).first() is not None


def execution_of(tx: Transaction, key: str) -> str | None:
    """The execution that an earlier delivery of this key started."""
    row = sql.execute(tx.connection, statements.DELIVERED, {"of_key": key}).first()
    return None if row is None else row.execution_id


def take(tx: Transaction, key: str, *, execution_id: str | None = None) -> None:
    """Note a delivery as taken, in the transaction of what it led to."""
    delivery = {"key": key, "at": tx.now, "execution_id": execution_id}
    sql.execute(tx.connection, statements.ADD_DELIVERY, delivery)


def forget(tx: Transaction, *, before: datetime) -> int:
    return sql.execute(tx.connection, statements.FORGET_DELIVERIES, {"before": before}).changed
