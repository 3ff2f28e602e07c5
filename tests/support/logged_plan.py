"""The shipped crew, which also appends each finished task to the file EFFECTS.

The lines have the format of `tests.support.steps`, with the task's name as the phase.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

from crewai import Crew
from crewai.tasks.task_output import TaskOutput

from crew_runner.crews.content_plan.crew import ContentPlanCrew


def logged_plan() -> Crew:
    request: dict[str, Any] = {}

    def remember(inputs: dict[str, Any] | None) -> dict[str, Any] | None:
        request.update(inputs or {})
        return inputs

    def write_down(output: TaskOutput) -> None:
        line = {
            "at": time.time(),
            "event": "end",
            "phase": output.name,
            "again": False,
            "words": request.get("user_input", ""),
            "pid": os.getpid(),
        }
        with open(os.environ["EFFECTS"], "a") as effects:
            effects.write(json.dumps(line) + "\n")
            effects.flush()
            os.fsync(effects.fileno())

    crew: Crew = ContentPlanCrew().crew()
    crew.before_kickoff_callbacks.append(remember)
    crew.task_callback = write_down
    return crew
