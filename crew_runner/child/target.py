"""Builds the crew or flow that `module:name` in crews.yml names."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Iterable
from typing import Any

from crewai import Crew, Flow
from crewai.flow.persistence.factory import set_flow_persistence_factory
from crewai.memory.storage.factory import set_memory_storage_factory

from .crews.crew import CrewRunnable
from .crews.memory_storage import lazy_storage
from .environment import remove_values
from .failures import CrewProblem, summarize
from .flows.flow import FlowRunnable
from .flows.persistence import FlowSnapshot
from .lock_files import use_lock_directory
from .messages import Job
from .operator_model import apply_operator_model
from .project_environment import enter_environment
from .runnable import Runnable


def build(job: Job) -> Runnable:
    """Build the crew or flow that `job.target` names. Raises CrewProblem."""
    enter_environment(job)
    use_lock_directory(job.storage)
    apply_operator_model(job.model)
    snapshot = FlowSnapshot()
    set_flow_persistence_factory(lambda: snapshot)
    set_memory_storage_factory(lazy_storage)
    target = job.target or ""
    built = _instantiate(target, _load(target))
    remove_values(job.withheld)  # crew code may have set variables
    if isinstance(built, Flow):
        return FlowRunnable(built, snapshot, job)
    return CrewRunnable(built, job)


def _load(target: str) -> object:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise CrewProblem(
            f"{target!r} does not name a crew. Set `crew` in crews.yml to `module:name`."
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CrewProblem(
            f"The crew cannot be built: there is no module {error.name!r} in {os.getcwd()}, on "
            "PYTHONPATH or installed. Install it, or fix `crew` in crews.yml."
        ) from error
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {summarize(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise CrewProblem(
            f"The crew cannot be built: {module_name} has no {attribute!r}."
            + _suggestion(attribute, dir(module))
        ) from None


def _instantiate(target: str, loaded: object) -> Crew | Flow[Any]:
    try:
        built = loaded() if not isinstance(loaded, Crew | Flow) and callable(loaded) else loaded
        make = getattr(built, "crew", None)  # the method of a @CrewBase class
        if not isinstance(built, Crew | Flow) and callable(make):
            built = make()
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {summarize(error)}") from error
    if not isinstance(built, Crew | Flow):
        raise CrewProblem(
            f"{target} is not a crew but {type(built).__name__}. Name a @CrewBase class, a "
            "function that returns a Crew, a Crew, or a Flow class."
        )
    return built


def _suggestion(name: str, names: Iterable[str]) -> str:
    matches = difflib.get_close_matches(name, [other for other in names if other[:1] != "_"], n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""
