"""Renders the result of a crew or of a flow's method as text."""

from __future__ import annotations

import json
from enum import Enum

from crewai.crews.crew_output import CrewOutput
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from .older_crewai import HumanFeedbackResult


def text_of(value: object) -> str:
    """Text unchanged, a crew's output as its text, structured values as JSON."""
    if isinstance(value, HumanFeedbackResult):
        value = value.output
    if isinstance(value, Enum):
        value = value.value
    match value:
        case None:
            return ""
        case CrewOutput() | TaskOutput():
            return value.raw
        case BaseModel() | dict() | list() | tuple():
            plain = to_jsonable_python(value, fallback=str)
            return json.dumps(plain, indent=2, ensure_ascii=False)
        case _:
            return str(value)
