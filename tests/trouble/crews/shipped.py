"""The shipped crew, which also logs each completed task as a part with the task's name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from crewai import Crew
from crewai.tasks.task_output import TaskOutput

from crew_runner.crews.content_plan.crew import ContentPlanCrew
from tests.trouble.crews.effects import EFFECTS, TOKEN, append


def logged_plan() -> Crew:
    requests: list[str] = []

    def remember(inputs: dict[str, Any] | None) -> dict[str, Any] | None:
        requests.append((inputs or {}).get("user_input", ""))
        return inputs

    def log(output: TaskOutput) -> None:
        [token] = set(TOKEN.findall(requests[-1]))
        append(Path(os.environ[EFFECTS]), "end", token, str(output.name))

    crew: Crew = ContentPlanCrew().crew()
    crew.before_kickoff_callbacks.append(remember)
    crew.task_callback = log
    return crew
