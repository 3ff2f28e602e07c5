"""The interface that each kind of crew implements in the crew's process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from .messages import CrewDescription, Job, Progress
from .records import PhaseOutput

Report: TypeAlias = Callable[[Progress], None]


class Runnable(Protocol):
    """A built crew, which can describe itself and run one phase."""

    def describe(self) -> CrewDescription:
        """The phases in order, and the pauses that the crew's own code asks for."""

    def run(self, job: Job, report: Report) -> PhaseOutput:
        """Run the job's phase. Exceptions are turned into a message by `failure_of`."""
