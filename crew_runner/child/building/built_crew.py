"""A built crew with what was learned about it. It stays intercepted until it really runs."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import crewai
from crewai import Crew, Flow

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
    runs_on_import: bool

    def describe(self) -> CrewDescription:
        return CrewDescription(
            self.job.phases,
            kind="crew",
            inputs=self.reason.inputs,
            notes=(self.reason.message,),
            crewai=crewai.__version__,
            takes_any_input=True,
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

    @property
    def runs_on_import(self) -> bool:
        """Whether importing the crew's modules would run something if it were not intercepted."""
        return self.interception.runs_on_import

    def describe(self) -> CrewDescription:
        """In a check with what was learned about the crew; in a run only its phases and pauses."""
        description = self.runnable.describe()
        return describe(self.built, description) if self.job.only_check else description

    def run(self, job: Job, report: Report) -> PhaseOutput:
        self.interception.stop()
        if self.built.kickoff is not None and self.built.kickoff.input_files:
            _give_files(self.built.of, self.built.kickoff.input_files)
        return self.runnable.run(replace(job, inputs=self.built.inputs(job)), report)


def _give_files(of: Crew | Flow[Any], files: Mapping[str, Any]) -> None:
    """Have its kickoff get the files that its own code passes."""
    with_files = functools.partial(of.kickoff, input_files=dict(files))
    object.__setattr__(of, "kickoff", with_files)  # pydantic allows no other assignment
