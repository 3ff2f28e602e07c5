"""The audit log. Rows are only ever added: the database itself refuses updates and deletes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

from storage.records import Actor

Entry: TypeAlias = dict[str, Any]


def entry(
    *,
    at: datetime,
    execution_id: str,
    event: str,
    actor: Actor | None,
    details: Mapping[str, object],
) -> Entry:
    """Return a row of the log, without the details that are None."""
    present = {name: value for name, value in details.items() if value is not None}
    return {
        "at": at,
        "execution_id": execution_id,
        "event": event,
        "actor": actor,
        "details": present,
    }
