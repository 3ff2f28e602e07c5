"""Whether a crew's modules may be imported where nothing is intercepted."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crew_runner.child.building.interception import Interception
    from crew_runner.child.building.targets import build_target
from crew_runner.child.messages import Job
from crew_runner.child.records import CrewKind

PACKAGE = "tests.crew_runner.building"


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        (f"{PACKAGE}.script:my_crew", True),
        (f"{PACKAGE}.asks_agent:build", True),
        (f"{PACKAGE}.entry_points:run", False),
        (f"{PACKAGE}.entry_points:crew", False),
    ],
)
def test_a_module_that_runs_something_when_it_is_imported_is_known(
    target: str, runs: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("TESTS_FOLDER", str(tmp_path))
    interception = Interception()
    interception.start()
    try:
        build_target(Job(CrewKind.CREW, target=target, only_check=True), interception)
    finally:
        interception.stop()

    assert interception.runs_on_import is runs
