"""Builds what `crew` in crews.yml names: a Python object, or a file that declares one."""

from __future__ import annotations

import ast
import asyncio
import importlib
import inspect
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from crewai import Crew, Flow

from ..failures import CrewProblem
from ..messages import Job
from ..records import CrewInput
from .arguments import Arguments, converted
from .declared import load_declared_flow, load_json_crew
from .interception import Interception, Kickoff, KickoffReached
from .problems import as_problem, no_attribute, no_module

_MOST_STEPS: Final = 6
"""A function may return a class, the class have a method `crew`, and so on; more is a mistake."""

_STARTERS: Final = ("crew", "flow", "kickoff", "run")
"""The methods of an object of the author's own that give the crew or start it."""

_Result: TypeAlias = tuple[Crew | Flow[Any], Mapping[str, Any]]
"""A crew or a flow, and the inputs that its author gives it."""

_JSON_CREWS: Final = (".json", ".jsonc")
_DECLARED_FLOWS: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Built:
    """A crew or a flow, with the inputs that its own code gives it.

    `arguments` has those that were passed to functions and constructors; `kickoff` is set if the
    crew's own code would have started it.
    """

    of: Crew | Flow[Any]
    defaults: Mapping[str, Any]
    arguments: Arguments
    kickoff: Kickoff | None = None
    notes: tuple[str, ...] = ()

    def inputs(self, job: Job) -> dict[str, Any]:
        """What was said, over what the crew's own code says.

        Values that went into arguments reach the crew as that code passes them on.
        """
        said = {
            name: _like(self.defaults.get(name), value)
            for name, value in job.inputs.items()
            if name not in self.arguments.learned or name not in self.defaults
        }
        return {**self.defaults, **said}


class NeedsInputs(CrewProblem):
    """A crew could not be built in a check, where its code got placeholders for `inputs`."""

    def __init__(self, inputs: tuple[CrewInput, ...], cause: CrewProblem) -> None:
        names = ", ".join(each.name for each in inputs)
        super().__init__(
            f"The crew's code needs {names} to build it, so its tasks are not known before it is "
            f"started. Without: {cause.message}"
        )
        self.inputs = inputs


def build_target(job: Job, interception: Interception) -> Built:
    """Build what the job names, while the interception is active. Raises CrewProblem."""
    arguments = Arguments(job)
    builder = _Builder(job.target or "", arguments, interception)
    try:
        of, defaults = builder.build()
    except CrewProblem:
        raise
    except (Exception, SystemExit, KickoffReached) as error:
        if not interception.over:
            problem = as_problem(error, job.target or "", job.origin)
            if arguments.placeholders:
                raise NeedsInputs(tuple(arguments.learned.values()), problem) from error
            raise problem from error
        of, defaults = builder.reached()
    except BaseException as error:
        # A task group wraps KickoffReached. Everything else, such as SIGTERM, ends this process.
        if not (interception.over and hasattr(error, "exceptions")):
            raise
        of, defaults = builder.reached()
    return Built(of, defaults, arguments, interception.kickoff, tuple(interception.notes))


@dataclass(frozen=True, slots=True)
class _Builder:
    target: str
    arguments: Arguments
    interception: Interception

    def build(self) -> _Result:
        path = _in_copy(Path(self.target), self.arguments.job)
        if path.suffix in _JSON_CREWS:
            return self._resolve(load_json_crew(path))
        if path.suffix in _DECLARED_FLOWS:
            return self._resolve(load_declared_flow(path))
        module, _, attribute = self.target.partition(":")
        if not module or not attribute:
            raise CrewProblem(
                f"{self.target!r} does not name a crew. Set `crew` in crews.yml to `module:name`, "
                "or to the path of a `crew.jsonc` or a `flow.yaml`."
            )
        try:
            imported = importlib.import_module(module)
        except KickoffReached:
            return self._from_script(module, attribute)
        except ModuleNotFoundError as error:
            raise no_module(error, module, self.arguments.job.origin) from error
        return self._resolve(_attribute_of(imported, attribute))

    def reached(self) -> _Result:
        """What the crew's own code would have started. Raises CrewProblem."""
        if self.interception.problem is not None:
            raise self.interception.problem
        kickoff = self.interception.kickoff
        if kickoff is None:
            raise ValueError("no kickoff was reached")
        return kickoff.of, kickoff.inputs

    def _from_script(self, module: str, attribute: str) -> _Result:
        """The crew of a module that kicks it off when it is imported, and so ends early."""
        of, inputs = self.reached()
        kickoff = self.interception.kickoff
        importing = kickoff.importing if kickoff is not None else ()
        script = importing[0] if importing else None
        if kickoff is None or script is None or script.__name__ != module:
            raise CrewProblem(
                "The crew cannot be built: a module that it imports starts a crew "
                f"({'' if kickoff is None else kickoff.place}). Put that line under "
                '`if __name__ == "__main__":`, or name that module in crews.yml.'
            )
        sys.modules.update({each.__name__: each for each in importing})
        if not hasattr(script, attribute.partition(".")[0]):
            if attribute in _assigned_names(script):
                return of, inputs
            raise no_attribute(module, attribute, dir(script))
        named = _attribute_of(script, attribute)
        if named is of or not isinstance(named, Crew | Flow):
            return of, inputs
        return named, {}

    def _resolve(self, value: object) -> _Result:
        """Follow functions, classes, tuples and methods to a crew or a flow."""
        defaults: Mapping[str, Any] = {}
        for _step in range(_MOST_STEPS):
            if self.interception.over:  # the crew's code caught KickoffReached
                return self.reached()
            if isinstance(value, Crew | Flow):
                return value, defaults
            if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], Mapping):
                value, defaults = value  # what CrewAI's load_crew returns
            elif inspect.isawaitable(value):
                value = asyncio.run(_awaited(value))
            else:
                value = self._step_from(value)
        raise self._no_crew(value)

    def _step_from(self, value: object) -> object:
        """What a function returns, a class's object, or an object's crew. Raises CrewProblem."""
        if not inspect.isroutine(value) and not inspect.isclass(value):
            for name in _STARTERS:
                member = getattr(value, name, None)
                if isinstance(member, Crew | Flow):
                    return member
                if callable(member):
                    return self.arguments.call(member)
        if callable(value):
            return self.arguments.call(value)
        raise self._no_crew(value)

    def _no_crew(self, value: object) -> CrewProblem:
        return CrewProblem(
            f"{self.target} is not a crew but {type(value).__name__}. Name a @CrewBase class, a "
            "function that returns a Crew or kicks one off, a Crew, or a Flow class."
        )


def _in_copy(path: Path, job: Job) -> Path:
    """The path in the working copy, if it names a file of the project that was copied."""
    if job.project is None or job.origin is None or not path.is_relative_to(job.origin):
        return path
    return Path(job.project, path.relative_to(job.origin))


def _attribute_of(module: ModuleType, attribute: str) -> object:
    value: object = module
    for name in attribute.split("."):
        if not hasattr(value, name):
            raise no_attribute(module.__name__, attribute, dir(value))
        value = getattr(value, name)
    return value


def _assigned_names(module: ModuleType) -> set[str]:
    """The names that the module's source assigns or defines at its top."""
    tree = ast.parse(inspect.getsource(module))
    assigned = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return assigned | {node.name for node in tree.body if isinstance(node, definitions)}


def _like(default: object, value: Any) -> Any:
    """A value from outside in the type of the default that it replaces."""
    if not isinstance(value, str) or default is None or isinstance(default, str):
        return value
    return converted(value, type(default))


async def _awaited(value: Awaitable[object]) -> object:
    return await value
