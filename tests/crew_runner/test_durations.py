"""Durations as crews.yml writes them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crew_runner.config.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("30m", 1800),
        ("1h", 3600),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1d2h3m4s", 93_784),
    ],
)
def test_durations_are_parsed(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "1", "h", "30m1h", "-1h", "1.5h", "0s", "1w", "9999999999999d", "400d"]
)
def test_an_invalid_duration_is_none(text: str) -> None:
    assert parse_duration(text) is None
