"""Command crews: programs that exchange JSON, and their other output."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import psutil
import pytest

from crew_runner.child.environment import MODEL_VARIABLES
from storage.definitions import CrewDefinition, CrewKind
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, program, read_ids
from tests.support.processes import alive, wait_until


def _inputs_in(output: str) -> dict[str, object]:
    inputs: dict[str, object] = json.loads(output)["inputs"]
    return inputs


def test_a_program_without_phases_is_called_once_with_the_plain_inputs(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(program(runner.folder, ["run"]), "plain wish")
    execution = runner.harness.ended(run)

    assert execution.result is not None
    assert execution.state is ExecutionState.COMPLETED
    assert _inputs_in(execution.result.output) == {
        "user_input": "plain wish",
        "message": "plain wish",
        "campaign_context": "spring",
        "language": "en",
        "output_language": "en",
    }
    [task] = execution.result.tasks
    assert (task.task, task.agent, task.output) == ("write", "Ada", "written")
    output = runner.harness.runs(run)[0].output
    assert output is not None
    assert output.usage["command"]["total_tokens"] == 12


def test_a_program_with_phases_is_called_once_per_phase_with_the_earlier_outputs(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(program(runner.folder, ["think", "write"], "think"), "phases")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.CONTINUE)
    runner.harness.ended(run)

    output = runner.harness.runs(run)[-1].output
    assert output is not None
    assert _inputs_in(first.output.output)["phase"] == "think"
    assert _inputs_in(first.output.output)["outputs"] == {}
    assert _inputs_in(output.output)["phase"] == "write"
    assert _inputs_in(output.output)["outputs"] == {"think": first.output.output}


def test_a_revision_passes_the_feedback_and_the_earlier_output_to_the_program(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(program(runner.folder, ["run"], "run"), "revise")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.REVISE, "with more salt")
    second = runner.harness.checkpoint(run)

    inputs = _inputs_in(second.output.output)
    assert inputs["feedback"] == "with more salt"
    assert inputs["previous_output"] == first.output.output
    assert second.revision == 2


def test_lone_surrogates_are_shown_as_replacement_characters(
    runner: RunnerFixture,
) -> None:
    execution = runner.harness.ended(
        runner.harness.start(program(runner.folder, ["run"]), "halves")
    )

    assert execution.state is ExecutionState.COMPLETED
    assert execution.result is not None
    assert execution.result.output == "half \ufffd a smile"
    [task] = execution.result.tasks
    assert (task.task, task.output) == ("\ufffd", "half \ufffd a smile")


def test_other_output_on_both_streams_breaks_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(program(runner.folder, ["run"]), "noise")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_progress_lines_show_which_task_is_running(runner: RunnerFixture) -> None:
    go = runner.folder / "go"
    go.unlink(missing_ok=True)
    run = runner.harness.start(program(runner.folder, ["run"]), "wait")

    def progress() -> dict[str, object]:
        return dict(runner.harness.runs(run)[0].progress)

    wait_until(lambda: bool(progress()), within=60, what="progress is written down")
    go.touch()
    runner.harness.ended(run)

    assert progress()["tasks"] == [
        {"task": "think", "agent": "Ada", "state": "done"},
        {"task": "write", "agent": "Ada", "state": "running"},
    ]


def test_a_program_sees_only_what_it_is_allowed_to(runner: RunnerFixture) -> None:
    run = runner.harness.start(program(runner.folder, ["run"]), "look")
    result = runner.harness.ended(run).result
    assert result is not None

    variables = set(json.loads(result.output)["environment"])
    assert {"IDS", "GO", "OPENAI_API_KEY", "OPENAI_MODEL", "MODEL"} <= variables
    assert (
        variables & {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "DATABASE_URL", "TESTS_FOLDER"} == set()
    )
    inherited = (variables & os.environ.keys()) - set(MODEL_VARIABLES)
    assert {"PATH"} <= inherited <= {"PATH", "HOME", "LANG", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        ("flood", "The crew's program wrote more than 10 MiB of output."),
        ("crash", "The crew's program ended with exit code 3 without a readable answer."),
        ("error", "The crew's program failed: the printer is out of paper"),
        ("strange", 'an answer without "status": "complete" and an "output" text'),
    ],
)
def test_a_programs_mistakes_are_reported_readably(
    runner: RunnerFixture, subject: str, message: str
) -> None:
    run = runner.harness.start(program(runner.folder, ["run"], tries=1), subject)

    assert message in (runner.harness.ended(run).error or "")


def test_a_program_that_does_not_exist_is_reported_readably(runner: RunnerFixture) -> None:
    missing = CrewDefinition("missing", CrewKind.COMMAND, command=("no-such-program", "--now"))
    elsewhere = CrewDefinition("elsewhere", CrewKind.COMMAND, command=("true",), cwd="/no/where")
    errors = [
        runner.harness.ended(runner.harness.start(each, "it")).error
        for each in (missing, elsewhere)
    ]

    assert errors == [
        "The crew's program 'no-such-program' was not found or cannot be executed. "
        "Fix `command` in crews.yml.",
        "The crew's directory '/no/where' does not exist. Fix `cwd` in crews.yml.",
    ]


def test_a_runaway_that_ignores_sigterm_is_killed_with_its_helpers(runner: RunnerFixture) -> None:
    ids = runner.folder / "ids"
    ids.unlink(missing_ok=True)
    limit = timedelta(seconds=1)
    run = runner.harness.start(program(runner.folder, ["run"], time_limit=limit), "runaway")
    processes = [psutil.Process(pid) for pid in read_ids(ids)]
    execution = runner.harness.ended(run)

    wait_until(lambda: not alive(processes), within=5, what="the program and its helper ended")
    assert (
        execution.error
        == "The phase took longer than its limit of 1 second (`time_limit` in crews.yml)."
    )


def test_cancel_stops_a_silent_program(runner: RunnerFixture) -> None:
    ids = runner.folder / "ids"
    ids.unlink(missing_ok=True)
    run = runner.harness.start(program(runner.folder, ["run"]), "runaway")
    processes = [psutil.Process(pid) for pid in read_ids(ids)]
    runner.harness.state.cancel(run, actor=ANYBODY)

    wait_until(lambda: not alive(processes), within=15, what="the program and its helper ended")
