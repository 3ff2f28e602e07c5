"""A crew as a script, which kicks off when it is imported."""

from __future__ import annotations

from tests.crew_runner.building.entry_points import INPUTS, crew

my_crew = crew()
result = my_crew.kickoff(inputs=INPUTS)
print(result)  # noqa: T201 as scripts do
