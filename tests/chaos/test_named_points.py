"""The bot dies at every point of a run, with all that it started, and is started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.lane import Lane
from tests.chaos.sweep import Sweep
from tests.chaos.table import POINTS
from tests.support.launchpad import Launchpad

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweep(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sweep]:
    """All points that were selected, on their way."""
    selected = {
        str(item.callspec.params["point"])
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.module is request.module
        and "sweep" in item.fixturenames
    }
    ordered = [point for point in POINTS if point in selected]
    with Sweep(tmp_path_factory.mktemp("sweep"), ordered) as running:
        yield running


@pytest.mark.parametrize("point", POINTS)
def test_a_run_survives_the_death_of_everything(sweep: Sweep, point: str) -> None:
    outcome = sweep.outcome(point)

    assert point in outcome.reached, f"the run never came to {point}"
    assert not outcome.wrong, f"after deaths at {outcome.reached}"


def test_the_table_names_every_point_that_a_run_passes(tmp_path: Path) -> None:
    with Launchpad() as launchpad, Lane(launchpad, tmp_path) as lane:
        outcome = lane.run(slowly=True)

        assert not outcome.wrong
        assert set(lane.bot.passed) == set(POINTS)
