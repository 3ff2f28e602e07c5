"""Entry points that go on after their kickoff."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.crew_runner.building.entry_points import INPUTS, crew


def prints() -> object:
    result = crew().kickoff(inputs=INPUTS)
    print(result)  # noqa: T201 as entry points do
    return result


def saves() -> None:
    try:
        result: Any = crew().kickoff(inputs=INPUTS)
    except Exception as error:
        raise Exception(f"An error occurred: {error}") from error
    Path("result.md").write_text(result.raw)


def one_after_the_other() -> None:
    first: Any = crew().kickoff(inputs=INPUTS)
    crew().kickoff(inputs={**INPUTS, "topic": first.raw})


def _research() -> object:
    return crew().kickoff(inputs=INPUTS)


def calls_functions() -> None:
    result = _research()
    if result:
        crew().kickoff(inputs=INPUTS)


def loops() -> None:
    for topic in ("harbours", "canals"):
        crew().kickoff(inputs={**INPUTS, "topic": topic})
