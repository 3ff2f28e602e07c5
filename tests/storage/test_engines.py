"""Promises of both databases: durability, whose clock counts, and how long a write waits."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, event, select, text

from storage.db.database import SystemClock, writing
from storage.db.engines import BUSY_SECONDS, open_engine
from storage.db.tables import executions
from storage.errors import Busy
from storage.ports import NoDispatch, NoSignal
from storage.reads import Reads
from storage.state_manager import StateManager
from storage.states import ExecutionState
from tests.storage.conftest import Run
from tests.support.factories import ANA, SettableClock

SLACK_WAITS = 3.0
"""Seconds until Slack shows its own error to the person who clicked."""


def test_a_commit_is_on_disk_before_it_is_acknowledged(sqlite: Engine) -> None:
    with sqlite.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        full = 2
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == full


def test_with_a_server_its_clock_counts_and_not_the_hosts(
    postgresql: Engine, sqlite: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = datetime(2000, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _: wrong)

    with postgresql.connect() as on_server, sqlite.connect() as on_file:
        assert SystemClock().at(on_server) - wrong > timedelta(days=1000)
        assert SystemClock().at(on_file) == wrong


def test_on_sqlite_a_write_transaction_cannot_start_during_another(sqlite: Engine) -> None:
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


def test_on_sqlite_the_two_waits_of_a_write_share_one_deadline(sqlite: Engine) -> None:
    """A writer of this process that waits for another process must not add its wait to others'."""
    other_process = open_engine(str(sqlite.url))
    waited: list[float] = []

    def write(delay: float) -> None:
        time.sleep(delay)
        began = time.monotonic()
        with pytest.raises(Busy), writing(sqlite):
            pass
        waited.append(time.monotonic() - began)

    with writing(other_process), ThreadPoolExecutor(3) as threads:
        list(threads.map(write, [0.0, 0.05, 0.1]))
    other_process.dispose()

    assert max(waited) < BUSY_SECONDS + 0.4
    with writing(sqlite) as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 1000 * BUSY_SECONDS


def test_a_write_gives_up_waiting_for_a_lock_before_slack_times_out(postgresql: Engine) -> None:
    state = StateManager(
        postgresql, clock=SettableClock(), dispatch=NoDispatch(), signal=NoSignal()
    )
    run = Run(state, Reads(postgresql))
    run.start()

    with postgresql.begin() as somebody_else:
        somebody_else.execute(select(executions.c.id).with_for_update())
        started = time.monotonic()
        with pytest.raises(Busy):
            state.cancel(run.id, actor=ANA)

        assert time.monotonic() - started < SLACK_WAITS
    assert state.cancel(run.id, actor=ANA).state is ExecutionState.CANCELLED
