"""What a clock that is set does to what waits for it; `python -m tests.chaos.weather --kind clocks`
sets the clock of a whole bot."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from bot import scheduler
from bot.scheduler import Scheduler, Tick

AN_HOUR = timedelta(hours=1)


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
