"""Random texts: shown whole and once, within what Slack takes, and notifying nobody.

`make fuzz` tries 20,000.
"""

from __future__ import annotations

import pytest

from tests.slack.markdown import fuzz


@pytest.mark.parametrize("start", range(0, 120, 20))
def test_random_texts_are_shown_whole(start: int) -> None:
    for seed in range(start, start + 20):
        try:
            fuzz.check(seed)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
