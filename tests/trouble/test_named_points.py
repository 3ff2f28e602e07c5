"""The bot dies at every point of a run, with everything it started, and is restarted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.prefork_server import PreforkServer
from tests.trouble.faults.failpoints import POINTS, RECOVERIES, SAME
from tests.trouble.faults.points import PointRunner, PointSweep

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sweep(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    prefork_server: PreforkServer,
) -> Iterator[PointSweep]:
    """A sweep over the points of the selected tests, which has started."""
    items = (item for item in request.session.items if isinstance(item, pytest.Function))
    selected = [
        value
        for item in items
        if item.module is request.module and hasattr(item, "callspec")
        for value in item.callspec.params.values()
    ]
    points = [point for point in POINTS if point in selected]
    stories = [story for story in RECOVERIES if story in selected]
    with PointSweep(prefork_server, tmp_path_factory.mktemp("sweep"), points, stories) as new_sweep:
        yield new_sweep


@pytest.mark.parametrize("point", POINTS)
def test_a_run_survives_the_death_of_everything(sweep: PointSweep, point: str) -> None:
    outcome = sweep.outcome(point)

    assert point in outcome.reached, f"the run never reached {point}"
    assert not outcome.wrong, f"after deaths at {outcome.reached}"


@pytest.mark.parametrize("story", RECOVERIES, ids=" then ".join)
def test_a_run_survives_deaths_while_it_recovers(sweep: PointSweep, story: tuple[str, ...]) -> None:
    outcome = sweep.outcome(*story)

    assert outcome.reached == list(story)
    assert not outcome.wrong


@pytest.fixture(scope="module")
def passed(
    tmp_path_factory: pytest.TempPathFactory, prefork_server: PreforkServer
) -> list[tuple[str, str]]:
    """The threads and the points that they pass in an undisturbed run."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with PointRunner(prefork_server, folder) as runner:
        outcome = runner.run(slowly=True)
        assert not outcome.wrong
        return [*outcome.passed]


def test_the_table_names_every_point_that_a_run_passes(passed: list[tuple[str, str]]) -> None:
    assert {point for _, point in passed} == {*POINTS, *SAME}


def test_two_names_of_one_point_follow_each_other_in_their_thread(
    passed: list[tuple[str, str]],
) -> None:
    for index, (thread, point) in enumerate(passed):
        if point in SAME and _first(passed, point) == index:
            following = next(after for by, after in passed[index + 1 :] if by == thread)
            assert following == SAME[point], f"after {point}"


def _first(passed: list[tuple[str, str]], point: str) -> int:
    return next(index for index, (_, name) in enumerate(passed) if name == point)
