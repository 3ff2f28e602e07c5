"""What monitoring reads at each scrape. Every query uses an index that holds open rows only, except
the count of ended executions, which has an index of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, Select, func, select

from storage.db import sql
from storage.db.api_tables import DELIVERY_IS_QUEUED, webhook_deliveries
from storage.db.database import SystemClock, reading
from storage.db.tables import (
    CHECKPOINT_IS_PENDING,
    EXECUTION_HAS_ENDED,
    EXECUTION_IS_OPEN,
    OUTBOX_TO_POST,
    RUN_IS_QUEUED,
    RUN_IS_RUNNING,
    checkpoints,
    executions,
    outbox,
    phase_runs,
)
from storage.ports import SharedClock
from storage.states import ExecutionState

_BY_STATE: Final = select(executions.c.state, func.count()).group_by(executions.c.state)
_OPEN: Final = _BY_STATE.where(EXECUTION_IS_OPEN)
_ENDED: Final = _BY_STATE.where(EXECUTION_HAS_ENDED)
_RUNNING: Final = select(func.count()).select_from(phase_runs).where(RUN_IS_RUNNING)


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much waits, and for how many seconds the oldest of it has waited (0: nothing waits)."""

    count: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class Gauges:
    executions: Mapping[ExecutionState, int]
    checkpoints: Backlog
    queued: Backlog
    running: int
    outbox: Backlog
    webhooks: Backlog


def _backlog_of(created_at: Any, condition: Any) -> Select[Any]:
    return select(func.count(), func.min(created_at)).where(condition)


_CHECKPOINTS: Final = _backlog_of(checkpoints.c.created_at, CHECKPOINT_IS_PENDING)
_QUEUED: Final = _backlog_of(phase_runs.c.created_at, RUN_IS_QUEUED)
_OUTBOX: Final = _backlog_of(outbox.c.created_at, OUTBOX_TO_POST)
_WEBHOOKS: Final = _backlog_of(webhook_deliveries.c.created_at, DELIVERY_IS_QUEUED)


class MonitoringReads:
    """Safe to share between threads. Reading raises Busy or SQLAlchemyError if it cannot."""

    def __init__(self, engine: Engine, clock: SharedClock | None = None) -> None:
        self._engine = engine
        self._clock = clock or SystemClock()

    def gauges(self) -> Gauges:
        with reading(self._engine) as connection:
            now = self._clock.at(connection)
            rows = [row for query in (_OPEN, _ENDED) for row in sql.execute(connection, query).rows]
            counts = {row[0]: row[1] for row in rows}
            return Gauges(
                executions={state: counts.get(state, 0) for state in ExecutionState},
                checkpoints=_backlog(connection, _CHECKPOINTS, now),
                queued=_backlog(connection, _QUEUED, now),
                running=int(sql.execute(connection, _RUNNING).scalar() or 0),
                outbox=_backlog(connection, _OUTBOX, now),
                webhooks=_backlog(connection, _WEBHOOKS, now),
            )


def _backlog(connection: Connection, query: Select[Any], now: datetime) -> Backlog:
    count, oldest = sql.execute(connection, query).rows[0]
    seconds = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    return Backlog(count, seconds)
