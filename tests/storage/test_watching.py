"""What docs/scale.md tells operators to ask a server's database."""

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


def asked(engine: Engine, statement: str) -> tuple[Any, ...]:
    with engine.connect() as connection:
        return tuple(connection.exec_driver_sql(statement).one())


def test_the_statements_count_what_waits_for_a_worker_and_what_is_late(postgresql: Engine) -> None:
    statements = [one for one in LATE.split(";") if one.strip()]
    assert [asked(postgresql, one) for one in [BACKLOG, *statements]] == [(0, 0), (0,), (0,), (0,)]

    # A pending and a stopped run's first phase; all of it happened long ago.
    life = Installation(postgresql)
    lived = life.live()
    waiting, oldest = asked(postgresql, BACKLOG)
    assert waiting == 1
    long_ago = (datetime.now(UTC) - life.clock.now()).total_seconds()
    assert abs(float(oldest) - long_ago) < 3600
    life.state.cancel(lived[ExecutionState.PENDING].id, actor=ANA)  # its thread is to be told
    overdue, lost, unsent = (asked(postgresql, one)[0] for one in statements)
    assert (overdue, lost) == (1, 1)
    assert unsent > 0
