"""What agents and tasks answer while a crew is built: nothing, in the type that is expected."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Generator
from enum import Enum
from typing import Any

from crewai import Task
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel

from .input_types import plain_type


def empty_agent_answer(role: str, structure: object) -> object:
    """An empty LiteAgentOutput, which can also be awaited. `structure`: the model asked for."""
    output: Any = importlib.import_module("crewai.lite_agent").LiteAgentOutput

    class EmptyAnswer(output):  # type: ignore[misc] # its module differs between versions
        def __await__(self) -> Generator[Any, None, object]:
            return _returning(self).__await__()

    filled = None
    if isinstance(structure, type) and issubclass(structure, BaseModel):
        filled = _empty_model(structure)
    return EmptyAnswer(raw="", pydantic=filled, agent_role=role)


def empty_task_output(task: Task) -> TaskOutput:
    agent = getattr(task.agent, "role", "") or ""
    return TaskOutput(name=task.name, description=task.description, raw="", agent=agent)


async def _returning(answer: object) -> object:
    return answer


def _empty_model(model: type[BaseModel]) -> BaseModel:
    """An unvalidated object of the model, each required field of which is empty."""
    required: dict[str, Any] = {
        name: _empty(field.annotation)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    return model.model_construct(**required)


def _empty(annotation: Any) -> object:
    plain = plain_type(annotation)
    if typing.get_origin(plain) is typing.Literal:
        return typing.get_args(plain)[0]
    kind = typing.get_origin(plain) or plain
    if not isinstance(kind, type):
        return None
    if issubclass(kind, BaseModel):
        return _empty_model(kind)
    if issubclass(kind, Enum):
        return next(iter(kind), None)
    return kind() if kind in (str, int, float, bool, list, dict, set, tuple) else None
