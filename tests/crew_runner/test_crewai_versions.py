"""An older CrewAI is refused only for what it cannot do."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest

from crew_runner.child.failures import CrewProblem
from crew_runner.child.messages import Job
from crew_runner.child.records import Budget, CrewKind

with warnings.catch_warnings():  # CrewAI's own, at its first import
    warnings.simplefilter("ignore")
    from crewai import __version__

    from crew_runner.child.crewai_versions import check_flow_version, check_version

JOB = Job(CrewKind.CREW, target="demo:crew")


@pytest.mark.parametrize(
    ("job", "installed", "message"),
    [
        (
            replace(JOB, approve_tools=("send",)),
            (1, 4),
            "cannot ask before it calls a tool (`approve_tools`). Use 1.5 or newer: run "
            "`uv add 'crewai>=1.5'` in the project.",
        ),
        (replace(JOB, budget=Budget(tokens=1)), (1, 0), "cannot stop at a budget (`budget`)."),
        (replace(JOB, model_calls=1), (1, 0), "cannot limit model calls (`model_calls`)."),
    ],
)
def test_a_version_that_lacks_something_says_which_has_it(
    job: Job, installed: tuple[int, ...], message: str
) -> None:
    with pytest.raises(CrewProblem) as refused:
        check_version(job, installed)

    assert str(refused.value).startswith(f"This project's CrewAI {__version__} {message}")


def test_a_flow_pauses_at_methods_of_crews_yml_from_one_version_on() -> None:
    check_flow_version((), (1, 0))
    check_flow_version(("draft",), (1, 15))

    with pytest.raises(CrewProblem) as refused:
        check_flow_version(("draft",), (1, 14))

    assert "cannot pause a flow at a method that crews.yml names. Use 1.15 or newer:" in str(
        refused.value
    )


def test_a_crew_that_needs_nothing_more_runs_under_the_oldest_version() -> None:
    check_version(JOB, (1, 0))


def test_our_own_version_can_do_everything() -> None:
    check_version(replace(JOB, approve_tools=("send",), budget=Budget(tokens=1), model_calls=1))
    check_flow_version(("send",))
