"""De-duplication of what is delivered to us: the same delivery never counts twice."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select

from storage.tables import inbox
from storage.transaction import Transaction


def seen(tx: Transaction, key: str) -> bool:
    """Whether a delivery was taken before."""
    return tx.connection.execute(select(inbox.c.key).where(inbox.c.key == key)).first() is not None


def execution_of(tx: Transaction, key: str) -> str | None:
    """The execution that an earlier delivery of this key started."""
    return tx.connection.execute(
        select(inbox.c.execution_id).where(inbox.c.key == key)
    ).scalar_one_or_none()


def take(tx: Transaction, key: str, *, execution_id: str | None = None) -> None:
    """Note a delivery as taken, in the transaction of what it led to."""
    tx.connection.execute(insert(inbox).values(key=key, at=tx.now, execution_id=execution_id))


def forget(tx: Transaction, *, before: datetime) -> int:
    return tx.connection.execute(delete(inbox).where(inbox.c.at < before)).rowcount
