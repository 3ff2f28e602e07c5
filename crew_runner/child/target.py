"""From `module:name` in crews.yml to what can be run: a crew or a flow."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Iterable
from typing import Any

from crewai import Crew, Flow
from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.memory.storage.factory import set_memory_storage_factory

from crew_runner.child.crews.crew import CrewRunnable
from crew_runner.child.crews.memory_storage import late_storage
from crew_runner.child.environment import MODEL_VARIABLES, scrub, without_secrets
from crew_runner.child.failures import CrewProblem, clipped
from crew_runner.child.flows.flow import FlowRunnable
from crew_runner.child.flows.persistence import FlowSnapshot
from crew_runner.child.lock_files import keep_locks_in
from crew_runner.child.messages import Job
from crew_runner.child.operator_model import settle_models
from crew_runner.child.runnable import Runnable


def build(job: Job) -> Runnable:
    """Build the crew or flow that `job.target` names. Raises CrewProblem, in words."""
    for name in MODEL_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update({**without_secrets(job.extra), **job.model})
    os.environ["CREWAI_STORAGE_DIR"] = job.storage
    keep_locks_in(job.storage)
    settle_models(job.model)
    _add_working_directory()
    kept = FlowSnapshot()
    set_flow_persistence_factory(lambda: kept)
    set_memory_storage_factory(late_storage)
    target = job.target or ""
    built = _built(target, _found(target))
    scrub()  # crew code may have read a `.env` file
    if isinstance(built, Flow):
        return FlowRunnable(built, kept, job)
    return CrewRunnable(built, job)


def _add_working_directory() -> None:
    """Put it on the path behind PYTHONPATH and before all that is installed."""
    here = os.getcwd()
    if here not in sys.path:
        named = [place for place in os.environ.get("PYTHONPATH", "").split(os.pathsep) if place]
        sys.path.insert(len(named), here)


def _found(target: str) -> object:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise CrewProblem(f"{target!r} does not name a crew: it has to be `module:name`.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CrewProblem(
            f"The crew cannot be built: there is no module {error.name!r} "
            f"(looked for from {os.getcwd()} and PYTHONPATH)."
        ) from error
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {clipped(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise CrewProblem(
            f"The crew cannot be built: {module_name} has no {attribute!r}."
            + _nearest(attribute, dir(module))
        ) from None


def _built(target: str, found: object) -> Crew | Flow[Any]:
    try:
        built = found() if not isinstance(found, Crew | Flow) and callable(found) else found
        make = getattr(built, "crew", None)  # a @CrewBase class's own method
        if not isinstance(built, Crew | Flow) and callable(make):
            built = make()
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {clipped(error)}") from error
    if not isinstance(built, Crew | Flow):
        raise CrewProblem(
            f"{target} is no crew: it gives {type(built).__name__}. A @CrewBase class, a function "
            "that returns a Crew, a Crew, or a Flow class is needed."
        )
    return built


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [other for other in known if other[:1] != "_"], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
