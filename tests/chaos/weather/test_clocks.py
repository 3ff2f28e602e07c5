"""What a clock that is set does to what waits for it; `python -m tests.chaos.weather --kind clocks`
sets the clock of a whole bot."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bot import scheduler
from bot.scheduler import Scheduler, Tick
from storage.outbox.outbox import Outbox
from tests.chaos.weather.ground import ground
from tests.chaos.weather.hands import Hands
from tests.slack.stage import MovableClock

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
    with ground("sqlite") as url, Hands(url, clock=clock) as hands:
        hands.waiting()
        outbox = Outbox(hands.engine, clock)
        clock.move(A_YEAR)
        (row,) = outbox.take(owner="a deliverer")
        outbox.rest(row, timedelta(seconds=30), "ratelimited", key=row.channel)
        clock.move(-A_YEAR)
        assert outbox.take(owner="a deliverer") == ()

        hands.state.recover()

        assert [due.key for due in outbox.take(owner="a deliverer")] == [row.key]
