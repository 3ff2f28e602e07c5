"""What `python -m tests.trouble --kind day` judges a day by."""

from __future__ import annotations

import pytest

from tests.trouble.day import slope


def test_a_slope_is_that_of_the_line_that_fits_best() -> None:
    assert slope([(0, 1.0), (1, 3.0), (2, 5.0)]) == pytest.approx(2.0)
    assert slope([(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0)]) == pytest.approx(-0.2)
