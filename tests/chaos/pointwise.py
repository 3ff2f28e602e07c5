"""Deaths at every named point, on either database."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.lane import Outcome
from tests.chaos.sweep import Story, Sweep
from tests.chaos.table import POINTS, RECOVERIES
from tests.support.postgres import Server
from tests.support.prefork_server import PreforkServer as Launchpad

LANES: Final = 2


@dataclass
class PointReport:
    """`reached`: how many points and stories the bot died at."""

    reached: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def words(self) -> str:
        counted = f"{self.seconds:.0f} s: died at {self.reached} points and rows of points"
        lines = [counted, f"{len(self.wrong)} violations"]
        return "\n".join([*lines, *(f"    ✗ {wrong}" for wrong in self.wrong)])


def at_every_point(
    database: str,
    points: Sequence[str] = POINTS,
    stories: Sequence[Story] = RECOVERIES,
    *,
    lanes: int = LANES,
) -> PointReport:
    """Die at each of these, and in turn at those of each story."""
    began, report = time.monotonic(), PointReport()
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="points-")))
        launchpad = opened.enter_context(Launchpad())
        new_database = None
        if database == "postgresql":
            new_database = opened.enter_context(Server()).database
        sweep = opened.enter_context(
            Sweep(launchpad, folder, points, stories, new_database=new_database, lanes=lanes)
        )
        for point in points:
            _judge(report, (point,), sweep.outcome(point))
        for story in stories:
            _judge(report, story, sweep.story(story))
    report.seconds = time.monotonic() - began
    return report


def _judge(report: PointReport, wanted: Story, outcome: Outcome) -> None:
    missing = [point for point in wanted if point not in outcome.reached]
    report.reached += not missing
    report.wrong += [f"{' then '.join(wanted)}: {wrong}" for wrong in _wrong(missing, outcome)]


def _wrong(missing: Sequence[str], outcome: Outcome) -> Iterator[str]:
    if missing:
        yield f"the run never came to {missing}"
    yield from outcome.wrong
