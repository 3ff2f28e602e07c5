"""A crew as a script, which kicks off when it is imported."""

from __future__ import annotations

import importlib
from pathlib import Path

from crewai import Crew

from tests.crew_runner.building.entry_points import INPUTS, crew


def import_again(_output: object) -> None:
    """Code of a crew may import its own module, which must not run it a second time."""
    assert importlib.import_module(__name__).my_crew is my_crew


class Maker:
    """Builds a crew like the one that the script starts."""

    def crew(self) -> Crew:
        return crew()


other_crew = crew()
other_crew.tasks[0].description = "Research something else."

my_crew = crew(task_callback=import_again)
result = my_crew.kickoff(inputs=INPUTS)
Path("result.md").write_text(str(result))
