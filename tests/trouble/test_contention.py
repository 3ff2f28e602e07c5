"""Many people act on one checkpoint at once; `python -m tests.trouble` runs it for longer."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.trouble.contention.audience import audience
from tests.trouble.contention.clicks import clicks
from tests.trouble.contention.races import races


def test_one_of_a_crowd_that_clicks_at_once_decides_and_the_others_are_told_who(url: str) -> None:
    figures = clicks(url, rounds=2, people=60, seed=1, bots=2)

    assert figures.wrong == []
    assert figures.responses["decided"] == 2
    assert figures.responses["refused"] > 0, "nobody was refused: the guests came too late"
    assert sum(figures.responses.values()) == 120


def test_one_of_an_audience_that_clicks_in_slack_decides_and_the_others_are_told_who(
    url: str,
) -> None:
    figures = audience(url, rounds=2, people=30, seed=1)

    assert figures.wrong == []
    assert figures.responses["decided"] == 2
    assert figures.responses["already"] > 0


def test_click_reply_api_cancel_and_deadline_race_to_one_outcome(url: str) -> None:
    winners: Counter[str] = Counter()
    for seed in range(2, 7):
        figures = races(url, count=40, seed=seed)
        assert figures.wrong == []
        assert figures.races == 40
        winners += figures.winners
        if len(winners) >= 3:
            return  # on a slow machine everybody may be too late for the deadline
    pytest.fail(f"the races had too few kinds of winners: {winners}")
