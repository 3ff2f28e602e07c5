"""What setting a clock does to what waits for it; `python -m tests.trouble --kind clocks` sets the
clock of a whole bot."""

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
    clockwork = Scheduler([Tick("expire", timedelta(seconds=1), ticked.set)])
    clockwork.start()
    assert ticked.wait(5)

    # What was due in a second is due in an hour and a second by the clock that was set.
    clockwork._scheduler.modify_job("expire", next_run_time=datetime.now(UTC) + AN_HOUR)
    ticked.clear()
    monkeypatch.setattr(scheduler, "wall_clock_ahead", lambda: ahead - AN_HOUR.total_seconds())

    assert ticked.wait(5), "no tick since the clock was set back"
    clockwork.stop()
    assert "scheduler.clock_went_back" in caplog.messages


def test_what_was_put_off_while_the_clock_was_a_year_ahead_comes_due_when_it_is_set_back() -> None:
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
