"""What the databases are asked to hold to: whose time counts, who waits for whom, and how long."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select

from storage.db.database import SystemClock, writing
from storage.db.engines import open_engine
from storage.db.tables import executions
from storage.errors import Busy
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, SettableClock

SLACK_WAITS = 3.0
"""Seconds until somebody who clicked sees Slack's own error."""


def test_on_a_server_its_time_counts_and_not_that_of_the_host(
    postgresql: Engine, sqlite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = datetime(2000, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _: wrong)

    with postgresql.connect() as on_server, sqlite.connect() as on_file:
        assert SystemClock().at(on_server) - wrong > timedelta(days=1000)
        assert SystemClock().at(on_file) == wrong


def test_on_a_file_nobody_reads_in_order_to_write_while_another_does(sqlite: Engine) -> None:
    other_process = open_engine(str(sqlite.url))
    event.listen(
        other_process, "connect", lambda driver, _: driver.execute("PRAGMA busy_timeout=50")
    )

    with writing(sqlite) as first:
        first.execute(select(executions.c.id)).all()
        with pytest.raises(Busy), writing(other_process):
            pass
    with writing(other_process) as second:
        assert second.execute(select(executions.c.id)).all() == []
    other_process.dispose()


def test_on_a_server_a_write_gives_up_waiting_before_slack_does(postgresql: Engine) -> None:
    state = StateManager(
        postgresql, clock=SettableClock(), dispatch=NoDispatch(), signal=NoSignal()
    )
    run = Run(state, Reads(postgresql))
    run.start()

    with postgresql.begin() as somebody_else:
        somebody_else.execute(select(executions.c.id).with_for_update())
        began = time.monotonic()
        with pytest.raises(Busy):
            state.cancel(run.id, actor=ANA)

        assert time.monotonic() - began < SLACK_WAITS
    assert state.cancel(run.id, actor=ANA).state is ExecutionState.CANCELLED
