"""Python values as JSON and back, for the results and the state of a flow that waits."""

from __future__ import annotations

import base64
import dataclasses
import importlib
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from crewai import LLM, Crew, Flow, Task
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.llms.base_llm import BaseLLM
from crewai.tools.base_tool import BaseTool
from pydantic import BaseModel

_KIND: Final = "$kind"
_LIVE: Final = (BaseAgent, BaseLLM, LLM, BaseTool, Crew, Flow, Task)
"""Objects that work rather than hold data; some contain keys."""

_TEXTS: Final[Mapping[str, tuple[type, Callable[[Any], str], Callable[[str], Any]]]] = {
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "timedelta": (
        timedelta,
        lambda span: repr(span.total_seconds()),
        lambda text: timedelta(seconds=float(text)),
    ),
    "decimal": (Decimal, str, Decimal),
    "uuid": (UUID, str, UUID),
    "bytes": (bytes, lambda data: base64.b64encode(data).decode(), base64.b64decode),
    "path": (type(Path()), str, Path),
}
_GROUPS: Final[Mapping[str, type[Any]]] = {"tuple": tuple, "set": set, "frozenset": frozenset}


class CannotBeSaved(Exception):
    """A value is neither data nor an instance of a class that a later process can import."""


def encode(value: object) -> Any:
    """The value as JSON. Raises CannotBeSaved."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, dict):
        return _encoded_dict(value)
    if type(value) is list:
        return [encode(each) for each in value]
    return _encoded_group(value) or _encoded_object(value)


def _encoded_dict(value: dict[Any, Any]) -> Any:
    if all(type(name) is str for name in value) and _KIND not in value:
        return {name: encode(each) for name, each in value.items()}
    pairs = [[encode(name), encode(each)] for name, each in value.items()]
    return {_KIND: "dict", "value": pairs}


def _encoded_group(value: Any) -> dict[str, Any] | None:
    """A value of the standard library's classes; None for others."""
    for kind, type_ in _GROUPS.items():
        if type(value) is type_:
            return {_KIND: kind, "value": [encode(each) for each in value]}
    for kind, (type_, to_text, _) in _TEXTS.items():
        if type(value) is type_:
            return {_KIND: kind, "value": to_text(value)}
    if isinstance(value, Enum):
        return {_KIND: "enum", "type": _path(type(value)), "value": encode(value.value)}
    return None


def _encoded_object(value: object) -> Any:
    if isinstance(value, _LIVE):
        raise CannotBeSaved(type(value).__name__)
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        fields |= value.model_extra or {}
        kind = "model"
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        kind = "dataclass"
    elif isinstance(value, str | int | float | list):  # a subclass, such as numpy's floats
        plain = next(type_ for type_ in (str, int, float, list) if isinstance(value, type_))
        return encode(plain(value))  # type: ignore[arg-type] # of its own kind
    else:
        raise CannotBeSaved(type(value).__name__)
    encoded = {name: encode(each) for name, each in fields.items()}
    return {_KIND: kind, "type": _path(type(value)), "value": encoded}


def _path(type_: type) -> str:
    return f"{type_.__module__}:{type_.__qualname__}"


def decode(encoded: Any) -> Any:  # noqa: PLR0911 one for each form
    """Restore what `encode` returned. A class that is gone leaves its plain data.

    Raises ValueError, TypeError if the data no longer fits its class.
    """
    if isinstance(encoded, list):
        return [decode(each) for each in encoded]
    if not isinstance(encoded, dict):
        return encoded
    kind, value = encoded.get(_KIND), encoded.get("value")
    if kind is None:
        return {name: decode(each) for name, each in encoded.items()}
    if kind in _TEXTS:
        return _TEXTS[kind][2](str(value))
    decoded = decode(value)
    if kind == "dict":
        return dict(decoded)
    if kind in _GROUPS:
        return _GROUPS[kind](decoded)
    return _decoded_object(kind, _imported(str(encoded["type"])), decoded)


def _decoded_object(kind: str, type_: Any, value: Any) -> Any:
    if type_ is None:
        return value
    if kind == "enum":
        return type_(value)
    if kind == "model":
        return type_.model_construct(**value)
    restored = object.__new__(type_)
    for name, each in value.items():
        object.__setattr__(restored, name, each)
    return restored


def _imported(path: str) -> Any:
    """The class at a path, or None."""
    module, _, qualified = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in qualified.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return None
    return found
