"""What a flow's method gave, as a person reads it."""

from __future__ import annotations

import json
from enum import Enum

from crewai.crews.crew_output import CrewOutput
from crewai.flow.human_feedback import HumanFeedbackResult
from crewai.tasks.task_output import TaskOutput
from pydantic import BaseModel
from pydantic_core import to_jsonable_python


def text_of(given: object) -> str:
    """Text as it stands, a crew's output as its text, what has a structure as JSON."""
    if isinstance(given, HumanFeedbackResult):
        given = given.output
    if isinstance(given, Enum):
        given = given.value
    match given:
        case None:
            return ""
        case CrewOutput() | TaskOutput():
            return given.raw
        case BaseModel() | dict() | list() | tuple():
            plain = to_jsonable_python(given, fallback=str)
            return json.dumps(plain, indent=2, ensure_ascii=False)
        case _:
            return str(given)
