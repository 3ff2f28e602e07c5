"""The bot dies at every point of a run, with all that it started, and is started again."""

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
    """All points that were selected, on their way."""
    mine = (item for item in request.session.items if isinstance(item, pytest.Function))
    selected = [
        value
        for item in mine
        if item.module is request.module and hasattr(item, "callspec")
        for value in item.callspec.params.values()
    ]
    points = [point for point in POINTS if point in selected]
    stories = [story for story in RECOVERIES if story in selected]
    with PointSweep(prefork_server, tmp_path_factory.mktemp("sweep"), points, stories) as running:
        yield running


@pytest.mark.parametrize("point", POINTS)
def test_a_run_survives_the_death_of_everything(sweep: PointSweep, point: str) -> None:
    outcome = sweep.outcome(point)

    assert point in outcome.reached, f"the run never came to {point}"
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
    """The threads and the points that they pass in a run in which nothing dies."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with PointRunner(prefork_server, folder) as runner:
        outcome = runner.run(slowly=True)
        assert not outcome.wrong
        return [*outcome.passed]


def test_the_table_names_every_point_that_a_run_passes(passed: list[tuple[str, str]]) -> None:
    assert {point for _, point in passed} == {*POINTS, *SAME}


def test_what_the_table_holds_for_one_moment_is_one(passed: list[tuple[str, str]]) -> None:
    for place, (thread, point) in enumerate(passed):
        if point in SAME and _first(passed, point) == place:
            following = next(after for by, after in passed[place + 1 :] if by == thread)
            assert following == SAME[point], f"after {point}"


def _first(passed: list[tuple[str, str]], point: str) -> int:
    return next(place for place, (_, name) in enumerate(passed) if name == point)
