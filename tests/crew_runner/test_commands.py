"""Command crews: a program that speaks JSON, and much else."""

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
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY, program, read_ids
from tests.support.processes import alive, wait_until


def _told(output: str) -> dict[str, object]:
    inputs: dict[str, object] = json.loads(output)["inputs"]
    return inputs


def test_a_program_without_phases_is_called_once_with_the_plain_inputs(shop: Shop) -> None:
    run = shop.desk.start(program(shop.folder, ["run"]), "plain wish")
    execution = shop.desk.ended(run)

    assert execution.result is not None
    assert execution.state is ExecutionState.COMPLETED
    assert _told(execution.result.output) == {
        "user_input": "plain wish",
        "message": "plain wish",
        "campaign_context": "spring",
        "language": "en",
        "output_language": "en",
    }
    [task] = execution.result.tasks
    assert (task.task, task.agent, task.output) == ("write", "Ada", "written")
    output = shop.desk.runs(run)[0].output
    assert output is not None
    assert output.usage["command"]["total_tokens"] == 12


def test_a_program_with_phases_is_called_once_a_phase_and_told_what_was_before(shop: Shop) -> None:
    run = shop.desk.start(program(shop.folder, ["think", "write"], "think"), "phases")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.CONTINUE)
    shop.desk.ended(run)

    output = shop.desk.runs(run)[-1].output
    assert output is not None
    assert _told(first.output.output)["phase"] == "think"
    assert _told(first.output.output)["outputs"] == {}
    assert _told(output.output)["phase"] == "write"
    assert _told(output.output)["outputs"] == {"think": first.output.output}


def test_a_revision_gives_the_program_the_words_and_its_earlier_output(shop: Shop) -> None:
    run = shop.desk.start(program(shop.folder, ["run"], "run"), "revise")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.REVISE, "with more salt")
    second = shop.desk.checkpoint(run)

    told = _told(second.output.output)
    assert told["feedback"] == "with more salt"
    assert told["previous_output"] == first.output.output
    assert second.revision == 2


def test_halves_of_characters_that_no_database_holds_are_shown_as_such(shop: Shop) -> None:
    execution = shop.desk.ended(shop.desk.start(program(shop.folder, ["run"]), "halves"))

    assert execution.state is ExecutionState.COMPLETED
    assert execution.result is not None
    assert execution.result.output == "half \ufffd a smile"
    [task] = execution.result.tasks
    assert (task.task, task.output) == ("\ufffd", "half \ufffd a smile")


def test_noise_on_both_outputs_breaks_nothing(shop: Shop) -> None:
    run = shop.desk.start(program(shop.folder, ["run"]), "noise")

    assert shop.desk.ended(run).state is ExecutionState.COMPLETED


def test_progress_lines_show_which_task_is_at_work(shop: Shop) -> None:
    go = shop.folder / "go"
    go.unlink(missing_ok=True)
    run = shop.desk.start(program(shop.folder, ["run"]), "wait")

    def shown() -> dict[str, object]:
        return dict(shop.desk.runs(run)[0].progress)

    wait_until(lambda: bool(shown()), within=60, what="progress is written down")
    go.touch()
    shop.desk.ended(run)

    assert shown()["tasks"] == [
        {"task": "think", "agent": "Ada", "state": "done"},
        {"task": "write", "agent": "Ada", "state": "running"},
    ]


def test_a_program_sees_only_what_it_is_allowed_to(shop: Shop) -> None:
    run = shop.desk.start(program(shop.folder, ["run"]), "look")
    result = shop.desk.ended(run).result
    assert result is not None

    seen = set(json.loads(result.output)["environment"])
    assert {"IDS", "GO", "OPENAI_API_KEY", "OPENAI_MODEL", "MODEL"} <= seen
    assert seen & {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "DATABASE_URL", "TESTS_FOLDER"} == set()
    inherited = (seen & os.environ.keys()) - set(MODEL_VARIABLES)
    assert {"PATH"} <= inherited <= {"PATH", "HOME", "LANG", "LC_CTYPE"}


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("flood", "The crew's program wrote more than 10 MiB of output."),
        ("crash", "The crew's program ended with exit code 3 and gave no readable answer."),
        ("error", "The crew's program failed: the printer is out of paper"),
        ("strange", 'an answer without "status": "complete" and an "output" text'),
    ],
)
def test_what_a_program_does_wrong_is_said_in_words(shop: Shop, wish: str, said: str) -> None:
    run = shop.desk.start(program(shop.folder, ["run"], tries=1), wish)

    assert said in (shop.desk.ended(run).error or "")


def test_a_program_that_does_not_exist_is_said_in_words(shop: Shop) -> None:
    missing = CrewDefinition("missing", CrewKind.COMMAND, command=("no-such-program", "--now"))
    elsewhere = CrewDefinition("elsewhere", CrewKind.COMMAND, command=("true",), cwd="/no/where")
    errors = [shop.desk.ended(shop.desk.start(each, "it")).error for each in (missing, elsewhere)]

    assert errors == [
        "The crew's program 'no-such-program' was not found or cannot be executed.",
        "The crew's directory '/no/where' does not exist.",
    ]


def test_a_runaway_that_ignores_sigterm_is_killed_with_its_helpers(shop: Shop) -> None:
    noted = shop.folder / "ids"
    noted.unlink(missing_ok=True)
    limit = timedelta(seconds=1)
    run = shop.desk.start(program(shop.folder, ["run"], time_limit=limit), "runaway")
    processes = [psutil.Process(pid) for pid in read_ids(noted)]
    execution = shop.desk.ended(run)

    wait_until(lambda: not alive(processes), within=5, what="the program and its helper ended")
    assert execution.error == "The phase took longer than its limit of 1 second."


def test_cancel_ends_a_program_that_says_nothing(shop: Shop) -> None:
    noted = shop.folder / "ids"
    noted.unlink(missing_ok=True)
    run = shop.desk.start(program(shop.folder, ["run"]), "runaway")
    processes = [psutil.Process(pid) for pid in read_ids(noted)]
    shop.desk.state.cancel(run, actor=ANYBODY)

    wait_until(lambda: not alive(processes), within=15, what="the program and its helper ended")
