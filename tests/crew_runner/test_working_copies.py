"""Each execution works in its own copy of the crew's project (real crews and workers)."""

from __future__ import annotations

from pathlib import Path

from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.projects import desk
from tests.support.processes import wait_until


def test_the_file_of_a_stopped_run_does_not_replace_that_of_an_approved_one(
    runner: RunnerFixture, tmp_path: Path
) -> None:
    project = tmp_path / "desk"
    definition = desk(project, "draft")
    harness = runner.harness
    approved = harness.start(definition, "apples")
    first = harness.checkpoint(approved)
    stopped = harness.start(definition, "bears")
    second = harness.checkpoint(stopped)

    harness.decide(first, Action.CONTINUE)
    harness.decide(second, Action.STOP)

    assert harness.ended(approved).state is ExecutionState.COMPLETED
    assert harness.ended(stopped).state is ExecutionState.STOPPED
    report = project / "report.md"
    wait_until(report.exists, within=10, what="the approved file is in the project")
    assert report.read_text() == "text about apples"
