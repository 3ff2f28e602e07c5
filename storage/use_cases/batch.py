"""A transaction that does the same for many executions, with few statements for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import Connection, Insert, Update

from storage.db import statements
from storage.db.transaction import Transaction
from storage.ports import Dispatch, SharedClock

Statement: TypeAlias = Insert | Update


@dataclass(slots=True)
class _Kind:
    """Rows that are written by one statement; `or_else` is raised where one is not changed."""

    rows: list[Mapping[str, Any]] = field(default_factory=list)
    or_else: Exception | None = None


class Batch(Transaction):
    """What is gathered of many executions, all of them locked, is written kind by kind.

    The order is kept within a kind, and the kinds follow one another as they first came: no kind
    may depend on what another has written of the same execution.
    """

    def __init__(
        self, connection: Connection, clock: SharedClock, dispatch: Dispatch, lease: timedelta
    ) -> None:
        super().__init__(connection, clock, dispatch, lease)
        self._to_enqueue: list[str] = []
        self._kinds: dict[tuple[Statement, frozenset[str]], _Kind] = {}

    def dispatch(
        self, phase_run_id: str, *, not_before: datetime | None = None, again: bool = False
    ) -> None:
        if again or not_before is not None:
            super().dispatch(phase_run_id, not_before=not_before, again=again)
        else:
            self._to_enqueue.append(phase_run_id)
            self.queued.append(phase_run_id)

    def write_later(
        self, statement: Statement, values: Mapping[str, Any], *, or_else: Exception | None = None
    ) -> None:
        kind = self._kinds.setdefault((statement, frozenset(values)), _Kind())
        kind.rows.append(values)
        kind.or_else = kind.or_else or or_else

    def settle(self) -> None:
        kinds, self._kinds = self._kinds, {}
        for (statement, _), kind in kinds.items():
            changed = self.connection.execute(statement, kind.rows).rowcount
            if kind.or_else is not None and changed < len(kind.rows):
                raise kind.or_else
        super().settle()

    def flush(self) -> None:
        if self._to_enqueue:
            self._dispatch.enqueue_all(self.connection, self._to_enqueue)
        if self._outdated and self.connection.dialect.name == "postgresql":
            # In the order in which the deliverer takes them: neither waits for the other in turn.
            self.connection.execute(statements.LOCK_MESSAGES, {"of_keys": [*self._outdated]})
        super().flush()
