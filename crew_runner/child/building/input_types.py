"""What kind of value an input takes, from a type or from a default."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from inspect import Parameter
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError, to_json

from ..records import CrewInput, InputType

_BY_TYPE: Final[tuple[tuple[type, InputType], ...]] = (
    (bool, InputType.YES_NO),  # before int, of which it is a subclass
    (int, InputType.NUMBER),
    (float, InputType.NUMBER),
    (str, InputType.TEXT),
    (Path, InputType.TEXT),
    (date, InputType.DATE),
    (dict, InputType.JSON),
    (list, InputType.JSON),
    (tuple, InputType.JSON),
    (set, InputType.JSON),
    (Mapping, InputType.JSON),
    (Sequence, InputType.JSON),
    (BaseModel, InputType.JSON),
)


def input_of(name: str, annotation: Any, default: Any = None, *, label: str = "") -> CrewInput:
    """The input of that name. A default that is no JSON value stays in the crew's code."""
    kind, choices = _kind_of(annotation, default)
    value = as_json(default)
    required = False if default is not None and value is None else None
    return CrewInput(name, kind, label, value, choices=choices, required=required)


def is_input(annotation: Any, default: Any) -> bool:
    """Whether a value of that type can be given by a person, in Slack or as JSON."""
    if type(default).__module__.partition(".")[0] == "crewai":
        return False
    if default is not None:
        return as_json(default) is not None
    return _is_unannotated(annotation) or _known_kind(annotation) is not None


def as_json(value: Any) -> Any:
    """The value as JSON, or None if it has no such form."""
    if value is None:
        return None
    try:
        return json.loads(to_json(value))
    except (PydanticSerializationError, ValueError, TypeError):
        return None


def placeholder_for(name: str, annotation: Any) -> Any:
    """A value to build a crew with that nobody has started. A text is the input's placeholder."""
    kind, choices = _kind_of(annotation, None)
    plain = plain_type(annotation)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return next(iter(plain))
    by_kind: dict[InputType, Any] = {
        InputType.NUMBER: 1,
        InputType.YES_NO: False,
        InputType.CHOICE: choices[0] if choices else "",
        InputType.DATE: datetime.now() if plain is datetime else date.today(),  # noqa: DTZ005, DTZ011 as crews do
        InputType.JSON: [] if plain in (list, tuple, set) else {},
    }
    return by_kind.get(kind, f"{{{name}}}")


def _kind_of(annotation: Any, default: Any) -> tuple[InputType, tuple[str, ...]]:
    known = _known_kind(annotation)
    if known is None and default is not None:
        known = _known_kind(type(default))
    return known or (InputType.TEXT, ())


def _known_kind(annotation: Any) -> tuple[InputType, tuple[str, ...]] | None:
    plain = plain_type(annotation)
    if typing.get_origin(plain) is typing.Literal:
        return InputType.CHOICE, tuple(map(str, typing.get_args(plain)))
    kind = typing.get_origin(plain) or plain
    if not isinstance(kind, type) or kind.__module__.partition(".")[0] == "crewai":
        return None
    if issubclass(kind, Enum):
        return InputType.CHOICE, tuple(str(each.value) for each in kind)
    for base, of_input in _BY_TYPE:
        if issubclass(kind, base):
            return of_input, ()
    return None


def plain_type(annotation: Any) -> Any:
    """The type without `Annotated` and `| None`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return plain_type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        others = [each for each in arguments if each is not type(None)]
        return plain_type(others[0])
    if annotation in (typing.Any, Parameter.empty, None):
        return Any
    return annotation


def _is_unannotated(annotation: Any) -> bool:
    return plain_type(annotation) is Any
