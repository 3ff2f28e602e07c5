"""Posting keeps to about one message a second in each channel."""

from __future__ import annotations

from bot.slack.pace import Pace


class Watch:
    """A stopwatch that is set by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_few_go_at_once_and_then_one_a_second() -> None:
    watch = Watch()
    pace = Pace(now=watch)
    assert [pace.take("C1") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert pace.take("C1") == 1.0
    watch.at += 0.75
    assert pace.take("C1") == 0.25
    watch.at += 0.25
    assert pace.take("C1") == 0.0


def test_channels_do_not_wait_for_each_other() -> None:
    pace = Pace(now=Watch())
    for _ in range(3):
        pace.take("C1")
    assert pace.take("C2") == 0.0


def test_what_slack_asks_for_is_waited_for() -> None:
    watch = Watch()
    pace = Pace(now=watch)
    pace.pause("C1", 30.0)
    pace.pause("C1", 5.0)
    assert pace.take("C1") == 30.0
    assert pace.take("C2") == 0.0
    watch.at += 30.0
    assert pace.take("C1") == 0.0


def test_channels_that_were_quiet_are_forgotten() -> None:
    watch = Watch()
    pace = Pace(now=watch)
    for number in range(1500):
        watch.at += 1.0
        pace.take(f"C{number}")
    assert len(pace._buckets) < 1100
