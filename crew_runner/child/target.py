"""Builds the crew or flow that `crew` in crews.yml names, without running it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from crewai import Flow

from .building.built_crew import BuiltCrew, UnknownCrew
from .building.interception import Interception
from .building.kept_files import keeping_files
from .building.targets import NeedsInputs, build_target
from .crews.crew import CrewRunnable
from .crews.memory_storage import lazy_storage
from .environment import remove_values
from .flows.flow import FlowRunnable
from .flows.persistence import FlowSnapshot
from .lock_files import use_lock_directory
from .messages import Job
from .older_crewai import set_flow_persistence_factory, set_memory_storage_factory
from .operator_model import apply_operator_model
from .project_environment import enter_environment
from .runnable import Runnable
from .shipped_crews import use_shipped_crews


def build(job: Job) -> BuiltCrew | UnknownCrew:
    """Build the crew or flow that `job.target` names. Raises CrewProblem."""
    enter_environment(job)
    use_lock_directory(job.storage)
    apply_operator_model(job.model)
    snapshot = FlowSnapshot()
    set_flow_persistence_factory(lambda: snapshot)
    set_memory_storage_factory(lazy_storage)
    use_shipped_crews(job.target or "")
    interception = Interception()
    interception.start()
    _leave_console()
    try:
        with keeping_files(job):
            built = build_target(job, interception)
    except NeedsInputs as reason:
        return UnknownCrew(reason, job, interception.runs_on_import)
    finally:
        remove_values(job.withheld)  # crew code may have set variables
    own = replace(job, inputs=built.inputs(job))
    runnable: Runnable
    if isinstance(built.of, Flow):
        runnable = FlowRunnable(built.of, snapshot, own)
    else:
        runnable = CrewRunnable(built.of, own)
    return BuiltCrew(runnable, built, interception, job)


def _leave_console() -> None:
    """Code that a command line would start finds no arguments and an empty standard input."""
    del sys.argv[1:]
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
