"""A built crew with what was learned about it. It stays intercepted until it really runs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import crewai

from ..messages import CrewDescription, Job
from ..records import PhaseOutput
from ..runnable import Report, Runnable
from .contents import describe
from .interception import Interception
from .targets import Built, NeedsInputs


@dataclass(frozen=True, slots=True)
class UnknownCrew:
    """The Runnable of a check in which the crew could not be built without its inputs."""

    reason: NeedsInputs
    job: Job

    def describe(self) -> CrewDescription:
        return CrewDescription(
            self.job.phases,
            kind="crew",
            inputs=self.reason.inputs,
            notes=(self.reason.message,),
            crewai=crewai.__version__,
        )

    def run(self, job: Job, report: Report) -> PhaseOutput:
        del job, report
        raise self.reason


@dataclass(frozen=True, slots=True)
class BuiltCrew:
    """The Runnable of a crew or a flow."""

    runnable: Runnable
    built: Built
    interception: Interception
    job: Job

    def describe(self) -> CrewDescription:
        """In a check with what was learned about the crew; in a run only its phases and pauses."""
        description = self.runnable.describe()
        return describe(self.built, description) if self.job.only_check else description

    def run(self, job: Job, report: Report) -> PhaseOutput:
        self.interception.stop()
        return self.runnable.run(replace(job, inputs=self.built.inputs(job)), report)
