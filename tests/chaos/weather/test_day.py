"""A short day; `python -m tests.chaos.weather --kind day` has one that is long enough to measure
what its memory does."""

from __future__ import annotations

import pytest

from tests.chaos.weather.day import day, slope
from tests.chaos.weather.ground import ground


def test_nothing_of_a_day_of_runs_stays_open_in_the_bot_or_in_the_tables() -> None:
    with ground("sqlite") as url:
        figures = day(url, runs=16, seed=3)

    assert sum(figures.ended.values()) == 16
    assert set(figures.ended) <= {"completed", "stopped"}
    half, last = figures.samples[len(figures.samples) // 2].values, figures.samples[-1].values
    assert last["threads"] <= half["threads"] + 2
    assert last["files"] <= half["files"] + 3
    assert last["rows not at rest"] <= 3


def test_a_slope_is_that_of_the_line_that_fits_best() -> None:
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == pytest.approx(2.0)
    assert slope([(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0)]) == pytest.approx(-0.2)
