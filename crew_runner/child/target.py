"""Builds the crew or flow that `crew` in crews.yml names, without running it."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from crewai import Flow
from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.memory.storage.factory import set_memory_storage_factory

from .building.built_crew import BuiltCrew, UnknownCrew
from .building.interception import Interception
from .building.kept_files import keeping_files
from .building.targets import NeedsInputs, build_target
from .crews.crew import CrewRunnable
from .crews.memory_storage import lazy_storage
from .environment import MODEL_VARIABLES, scrub, without_secrets
from .flows.flow import FlowRunnable
from .flows.persistence import FlowSnapshot
from .lock_files import use_lock_directory
from .messages import Job
from .operator_model import apply_operator_model
from .runnable import Runnable


def build(job: Job) -> BuiltCrew | UnknownCrew:
    """Build the crew or flow that `job.target` names. Raises CrewProblem."""
    for name in MODEL_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update({**without_secrets(job.extra), **job.model})
    os.environ["CREWAI_STORAGE_DIR"] = job.storage
    use_lock_directory(job.storage)
    apply_operator_model(job.model)
    if job.project is not None:
        os.chdir(job.project)
        sys.path[:0] = [os.path.join(job.project, "src"), job.project]
    _add_working_directory()
    snapshot = FlowSnapshot()
    set_flow_persistence_factory(lambda: snapshot)
    set_memory_storage_factory(lazy_storage)
    interception = Interception()
    interception.start()
    _leave_console()
    try:
        with keeping_files(job):
            built = build_target(job, interception)
    except NeedsInputs as reason:
        return UnknownCrew(reason, job, interception.runs_on_import)
    finally:
        scrub()  # crew code may have read a `.env` file
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


def _add_working_directory() -> None:
    """Add it to the path after PYTHONPATH and before installed packages."""
    cwd = os.getcwd()
    if cwd not in sys.path:
        python_path = [
            entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry
        ]
        sys.path.insert(len(python_path), cwd)
