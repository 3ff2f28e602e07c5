"""Many people at one checkpoint at once; `python -m tests.trouble` has the long form."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.trouble.contention.audience import audience
from tests.trouble.contention.clicks import clicks
from tests.trouble.contention.races import races


def test_of_a_crowd_that_clicks_at_once_one_decides_and_the_others_are_told_who(url: str) -> None:
    figures = clicks(url, rounds=2, people=60, seed=1, bots=2)

    assert figures.wrong == []
    assert figures.told["decided"] == 2
    assert figures.told["refused"] > 0, "nobody was refused: the guests came too late"
    assert sum(figures.told.values()) == 120


def test_of_an_audience_that_clicks_in_slack_one_decides_and_the_others_are_told_who(
    url: str,
) -> None:
    figures = audience(url, rounds=2, people=30, seed=1)

    assert figures.wrong == []
    assert figures.told["decided"] == 2
    assert figures.told["already"] > 0


def test_click_reply_api_cancel_and_deadline_race_to_one_outcome(url: str) -> None:
    winners: Counter[str] = Counter()
    for seed in range(2, 7):
        figures = races(url, count=40, seed=seed)
        assert figures.wrong == []
        assert figures.races == 40
        winners += figures.winners
        if len(winners) >= 3:
            return  # where the machine is slow, everybody comes too late for the deadline
    pytest.fail(f"it was no race: {winners}")
