"""Effects of setting the clock on ticks and on the outbox; `python -m tests.trouble --kind clocks`
sets the clock of a whole bot."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bot import scheduler
from bot.scheduler import Scheduler, Tick
from storage.outbox.outbox import Outbox
from tests.slack.stage import MovableClock
from tests.trouble.contention.use_cases import UseCases
from tests.trouble.db import new_database

AN_HOUR = timedelta(hours=1)
A_YEAR = timedelta(days=365)


def test_ticks_go_on_when_the_clock_is_set_back_by_an_hour(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ticked = threading.Event()
    ahead = scheduler.wall_clock_ahead()
    monkeypatch.setattr(scheduler, "wall_clock_ahead", lambda: ahead)
    scheduler_ = Scheduler([Tick("expire", timedelta(seconds=1), ticked.set)])
    scheduler_.start()
    assert ticked.wait(5)

    # By the clock that was set back, the next tick is due in an hour.
    scheduler_._scheduler.modify_job("expire", next_run_time=datetime.now(UTC) + AN_HOUR)
    ticked.clear()
    monkeypatch.setattr(scheduler, "wall_clock_ahead", lambda: ahead - AN_HOUR.total_seconds())

    assert ticked.wait(5), "no tick after the clock was set back"
    scheduler_.stop()
    assert "scheduler.clock_went_back" in caplog.messages


def test_a_row_paused_while_the_clock_was_a_year_ahead_is_due_when_it_is_set_back() -> None:
    clock = MovableClock()
    with new_database("sqlite") as url, UseCases(url, clock=clock) as use_cases:
        use_cases.waiting()
        outbox = Outbox(use_cases.engine, clock)
        clock.move(A_YEAR)
        (row,) = outbox.take(owner="a deliverer")
        outbox.pause(row, timedelta(seconds=30), "ratelimited", key=row.channel)
        clock.move(-A_YEAR)
        assert outbox.take(owner="a deliverer") == ()

        use_cases.state.recover()

        assert [due.key for due in outbox.take(owner="a deliverer")] == [row.key]
