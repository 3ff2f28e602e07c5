"""Fills the arguments of functions and classes that build a crew from the crew's inputs."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from ..failures import CrewProblem
from ..messages import Job
from ..records import CrewInput
from .input_types import input_of, is_input, placeholder_for

_ALL_INPUTS: Final = ("inputs", "crewai_trigger_payload")
"""Arguments of these names get the inputs as one dictionary."""

_SETTINGS: Final = frozenset({"callbacks", "config", "debug", "llm", "memory", "tools", "verbose"})
"""Optional arguments of these names are for developers."""

_REQUEST: Final = "user_input"
"""The input that holds the request's text."""


@dataclass(slots=True)
class Arguments:
    """The arguments of what builds the crew. `learned` are the inputs that were met, by name.

    `placeholders` are those that got one. `takes_all`: something gets every input there is.

    While a crew is checked there are no inputs; defaults or placeholders take their place.
    """

    job: Job
    learned: dict[str, CrewInput] = field(default_factory=dict)
    placeholders: set[str] = field(default_factory=set)
    takes_all: bool = False

    def call(self, build: Callable[..., object]) -> object:
        """Call it with what its arguments are named for. Raises CrewProblem, and what it raises."""
        positional, named = self._fill(_parameters(build))
        return build(*positional, **named)

    def _fill(self, parameters: Mapping[str, Parameter]) -> tuple[list[Any], dict[str, Any]]:
        self._learn(parameters)
        inputs, missing = self.job.inputs, self._missing(parameters)
        if len(missing) == 1 and inputs.get(_REQUEST):
            inputs = {**inputs, missing[0].name: inputs[_REQUEST]}
            missing = []
        if missing and not self.job.only_check:
            names = ", ".join(each.name for each in missing)
            raise CrewProblem(
                f"The crew needs inputs that were not given: {names}. Start it again with a value "
                "for each."
            )
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for name, parameter in parameters.items():
            if parameter.kind is Parameter.VAR_KEYWORD:
                named.update({key: inputs[key] for key in inputs if key not in parameters})
                continue
            if name in _ALL_INPUTS and (inputs or parameter.default is Parameter.empty):
                value: Any = dict(inputs)
            elif name in inputs:
                value = converted(inputs[name], parameter.annotation)
            elif parameter.default is not Parameter.empty:
                continue
            else:
                value = self._stand_in(name, parameter.annotation)
            if parameter.kind is Parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                named[name] = value
        return positional, named

    def _missing(self, parameters: Mapping[str, Parameter]) -> list[Parameter]:
        return [
            parameter
            for name, parameter in parameters.items()
            if parameter.default is Parameter.empty
            and parameter.kind is not Parameter.VAR_KEYWORD
            and name not in self.job.inputs
            and name not in _ALL_INPUTS
        ]

    def _stand_in(self, name: str, annotation: Any) -> Any:
        """A value for a check: what crews.yml says, or a placeholder."""
        for declared in self.job.crew_inputs:
            value = declared.default if declared.value is None else declared.value
            if declared.name == name and value is not None:
                return converted(value, annotation)
        self.placeholders.add(name)
        return placeholder_for(name, annotation)

    def _learn(self, parameters: Mapping[str, Parameter]) -> None:
        for name, parameter in parameters.items():
            if parameter.kind is Parameter.VAR_KEYWORD or name in _ALL_INPUTS:
                self.takes_all = True
                continue
            has_default = parameter.default is not Parameter.empty
            default = parameter.default if has_default else None
            if has_default and (name in _SETTINGS or not is_input(parameter.annotation, default)):
                continue
            learned = input_of(name, parameter.annotation, default)
            if has_default and default is None:
                learned = replace(learned, required=False)
            self.learned.setdefault(name, learned)


def _parameters(build: Callable[..., object]) -> dict[str, Parameter]:
    """The parameters that a caller fills, with annotations that are no longer strings."""
    of_class = inspect.isclass(build)
    function = build.__init__ if of_class else build
    if function is object.__init__:
        return {}
    try:
        parameters = dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}
    if of_class:
        del parameters[next(iter(parameters))]  # self
    hints = _hints(function)
    return {
        name: parameter.replace(annotation=hints.get(name, parameter.annotation))
        for name, parameter in parameters.items()
        if parameter.kind is not Parameter.VAR_POSITIONAL
        and not (of_class and parameter.kind is Parameter.VAR_KEYWORD)
    }


def _hints(function: Callable[..., object]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(inspect.unwrap(function), include_extras=True)
    except (NameError, TypeError, AttributeError):  # names that exist for type checkers alone
        return {}


def converted(value: Any, annotation: Any) -> Any:
    """The value in the annotated type, or as it is."""
    if annotation is Parameter.empty or isinstance(annotation, str):
        return value
    try:
        return TypeAdapter(annotation).validate_python(value)
    except (ValidationError, PydanticSchemaGenerationError, PydanticUserError):
        return value
