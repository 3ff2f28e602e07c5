"""A built crew with what was learned about it. It stays intercepted until it really runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..messages import CrewDescription, Job
from ..records import PhaseOutput
from ..runnable import Report, Runnable
from .contents import describe
from .interception import Interception
from .targets import Built


@dataclass(frozen=True, slots=True)
class BuiltCrew:
    """The Runnable of a crew or a flow."""

    runnable: Runnable
    built: Built
    interception: Interception

    def describe(self) -> CrewDescription:
        return describe(self.built, self.runnable.describe())

    def run(self, job: Job, report: Report) -> PhaseOutput:
        self.interception.stop()
        return self.runnable.run(replace(job, inputs=self.built.inputs(job)), report)
