"""The interface that each kind of crew implements in the crew's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from crew_runner.child.messages import Described, Job, Progress
from storage.records import PhaseOutput

Report: TypeAlias = Callable[[Progress], None]


class Runnable(Protocol):
    """A crew that has been built: it describes itself and runs one phase."""

    def describe(self) -> Described:
        """Its phases in order, and the checkpoints that it brings itself."""

    def run(self, job: Job, report: Report) -> PhaseOutput:
        """Run the job's phase. What it raises is turned into words by `failure_of`."""
