"""The queries that docs/scale.md gives to operators."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from storage.states import ExecutionState
from tests.support.factories import ANA
from tests.support.installation import Installation
from tests.support.processes import ROOT

SCALE = (ROOT / "docs" / "scale.md").read_text()
[BACKLOG, LATE] = re.findall(r"```sql\n(.+?)```", SCALE, re.DOTALL)


def query(engine: Engine, statement: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(statement).one())


def test_the_documented_queries_count_the_backlog_and_what_is_late(postgresql: Engine) -> None:
    statements = [one for one in LATE.split(";") if one.strip()]
    assert [query(postgresql, one) for one in [BACKLOG, *statements]] == [(0, 0), (0,), (0,), (0,)]

    # The first phases of a pending and of an abandoned run, from long ago.
    life = Installation(postgresql)
    runs = life.live()
    waiting, oldest = query(postgresql, BACKLOG)
    assert waiting == 1
    long_ago = (datetime.now(UTC) - life.clock.now()).total_seconds()
    assert abs(float(oldest) - long_ago) < 3600
    life.state.cancel(runs[ExecutionState.PENDING].id, actor=ANA)  # queues a notice in its thread
    overdue, lost, unsent = (query(postgresql, one)[0] for one in statements)
    assert (overdue, lost) == (1, 1)
    assert unsent > 0
