"""Many people at one checkpoint at once; `python -m tests.chaos.weather` has the long form."""

from __future__ import annotations

from tests.chaos.weather.crowd import crowd
from tests.chaos.weather.races import races


def test_of_a_crowd_that_clicks_at_once_one_decides_and_the_others_are_told_who(url: str) -> None:
    figures = crowd(url, rounds=2, clicks=60, seed=1, bots=2)

    assert figures.wrong == []
    assert figures.told["decided"] == 2
    assert figures.told["refused"] > 0, "nobody was refused: the guests came too late"
    assert sum(figures.told.values()) == 120


def test_click_reply_api_cancel_and_deadline_race_to_one_outcome(url: str) -> None:
    figures = races(url, count=40, seed=2)

    assert figures.wrong == []
    assert figures.races == 40
    assert len(figures.winners) >= 3, f"it was no race: {figures.winners}"
