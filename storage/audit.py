"""The log of what happened. Rows are only ever added: the database itself refuses the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, insert

from storage.records import Actor
from storage.tables import audit


def add(
    connection: Connection,
    *,
    at: datetime,
    execution_id: str,
    event: str,
    actor: Actor | None,
    facts: Mapping[str, object],
) -> None:
    connection.execute(
        insert(audit).values(
            at=at, execution_id=execution_id, event=event, actor=actor, facts=dict(facts)
        )
    )
