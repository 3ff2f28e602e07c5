"""Runs a phase, or only builds a crew, in a process of the crew's environment."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, assert_never

from crew_runner.child.withheld import Withheld
from crew_runner.host.child_supervisor import ChildSupervisor, Interrupted
from crew_runner.host.crew_check import check_crew, failed_report, project_report
from crew_runner.host.fork_server_client import EnvironmentUnusable, ForkServerUnavailable
from crew_runner.host.fork_servers import ForkServers
from crew_runner.host.jobs import check_job, job_for
from crew_runner.host.phase_files import EndedPhase, PhaseFiles, project_to_copy
from crew_runner.host.request_inputs import inputs_failure, resolve_inputs
from crew_runner.host.workspaces import WorkingCopy, WorkspaceProblem
from crew_runner.models.source import ModelSource
from crew_runner.projects.discovery import problem_of
from storage.definitions import CrewDefinition, CrewKind, CrewReport
from storage.errors import BadInputs, LeaseLost
from storage.reads import Reads
from storage.records import Claim, Failure
from storage.state_manager import StateManager

NOT_STARTED: Final = "The process that runs crews did not start. The bot's log has the details."


@dataclass(frozen=True, slots=True)
class CrewProcesses:
    """Belongs to a pool of workers. Safe to share between its threads.

    `environment`: variables for crews in addition to those of this process. `withheld`: what no
    crew may get. `abort_at`: when a phase has to stop unfinished, on the monotonic clock.
    """

    state: StateManager
    reads: Reads
    model: ModelSource
    fork_servers: ForkServers
    lease: timedelta
    environment: Mapping[str, str]
    withheld: Withheld
    abort_at: Callable[[], float | None]

    def run(self, claim: Claim, report_of: Callable[[Claim], CrewReport | None]) -> EndedPhase:
        """Run the claimed phase. `report_of` returns what is known about its crew."""
        definition = claim.execution.definition
        problem = problem_of(definition) or self._model_problem(definition)
        if problem is not None:
            return EndedPhase(claim, Failure(problem, retryable=False))
        files = PhaseFiles(claim, state=self.state, reads=self.reads, lease=self.lease)
        try:
            claim = resolve_inputs(claim, report_of)
            with (
                self.fork_servers.job_directory(definition) as job_directory,
                files,
                closing(self.fork_servers.fork(definition)) as child,
            ):
                job = job_for(
                    claim,
                    model=self._model_variables(definition),
                    extra=self.environment,
                    storage=str(job_directory),
                    copy=files.prepare(job_directory),
                    withheld=self.withheld,
                )
                supervisor = ChildSupervisor(
                    claim=claim,
                    job=job,
                    child=child,
                    state=self.state,
                    reads=self.reads,
                    lease=self.lease,
                    abort_at=self.abort_at,
                    learn=partial(self.fork_servers.learn, definition),
                )
                outcome = files.collect(supervisor.run())
                return EndedPhase(supervisor.claim, outcome, supervisor.usage, files.kept)
        except (ForkServerUnavailable, WorkspaceProblem, BadInputs) as error:
            return EndedPhase(claim, _not_started(error))
        except LeaseLost:
            return EndedPhase(claim, Interrupted.LOST)

    def check(self, definition: CrewDefinition) -> tuple[CrewReport, str]:
        """Build the crew; the report and, if there is a problem, details for the log.

        Raises ForkServerUnavailable.
        """
        try:
            return project_report(definition) or self._build(definition)
        except (EnvironmentUnusable, WorkspaceProblem) as error:
            return failed_report(definition, str(error)), ""

    def _build(self, definition: CrewDefinition) -> tuple[CrewReport, str]:
        """Build the crew in a child, in a copy of its project if it has one."""
        with (
            self.fork_servers.job_directory(definition) as job_directory,
            closing(self.fork_servers.fork(definition)) as child,
        ):
            project = project_to_copy(definition)
            copy = (
                None if project is None else WorkingCopy.of(project, within=job_directory / "copy")
            )
            job = check_job(
                definition,
                model=self._model_variables(definition),
                extra=self.environment,
                storage=str(job_directory),
                withheld=self.withheld,
                copy=None if copy is None else copy.folder,
            )
            learn = partial(self.fork_servers.learn, definition)
            checked = check_crew(definition, job, child, learn=learn)
            child.kill(signal.SIGKILL)
        return checked

    def _model_problem(self, definition: CrewDefinition) -> str | None:
        """Why the crew's model would refuse it. Programs are checked only if they set `model`."""
        if definition.kind is CrewKind.COMMAND and definition.model is None:
            return None
        return self.model.problem(definition.model, self.model.own_model(definition))

    def _model_variables(self, definition: CrewDefinition) -> Mapping[str, str]:
        return self.model.variables(definition.model, self.model.own_model(definition))


def _not_started(error: ForkServerUnavailable | WorkspaceProblem | BadInputs) -> Failure:
    match error:
        case EnvironmentUnusable():
            return Failure(str(error), retryable=False)
        case ForkServerUnavailable():
            return Failure(NOT_STARTED, str(error))
        case WorkspaceProblem():
            return Failure(str(error), retryable=not error.lasting)
        case BadInputs():
            return inputs_failure(error)
        case _:
            assert_never(error)
