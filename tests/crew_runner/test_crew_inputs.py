"""What a crew's kickoff gets: nothing for a static crew, and each input filled in once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.definitions import CrewDefinition
from storage.records import Action, Request
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, crew


def definition(target: str, *after: str, lessons: bool = False) -> CrewDefinition:
    return replace(
        crew(target, None, *after, rule=RULE, tries=1, lessons=lessons),
        target=f"tests.crew_runner.input_crews:{target}",
    )


@pytest.fixture(autouse=True)
def nothing_heard(runner: RunnerFixture) -> None:
    for name in ("heard", "prepared"):
        (runner.folder / name).unlink(missing_ok=True)


def start(
    runner: RunnerFixture, defined: CrewDefinition, text: str, language: str = "French"
) -> str:
    request = Request(text, language=language)
    return runner.harness.state.start_execution(
        definition=defined, request=request, requester=ANYBODY
    ).id


def heard(runner: RunnerFixture) -> list[str]:
    """Each conversation with the model, as one text."""
    lines = (runner.folder / "heard").read_text().splitlines()
    return ["\n".join(json.loads(line)) for line in lines]


def test_a_crew_with_nothing_to_fill_in_is_run_as_it_stands(runner: RunnerFixture) -> None:
    run = start(runner, definition("static"), "anything")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert "Print ${HOME} and greet {{ name }}." in heard(runner)[0]


def test_a_static_crew_still_learns_lessons(runner: RunnerFixture) -> None:
    defined = definition("static_with_lessons", "step_1", lessons=True)
    run = start(runner, defined, "anything")
    checkpoint = runner.harness.checkpoint(run)
    runner.harness.decide(checkpoint, Action.REVISE, "use {braces}")
    runner.harness.state.add_lesson(checkpoint.id, actor=ANYBODY)
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    assert "Print ${HOME} again." in heard(runner)[-1]
    assert "- use {braces}" in heard(runner)[-1]


def test_a_missing_input_is_reported_before_a_model_is_called(runner: RunnerFixture) -> None:
    run = start(runner, definition("lacks_an_input"), "anything")

    assert "brand" in (runner.harness.ended(run).error or "")
    assert not (runner.folder / "heard").exists()


def test_a_placeholder_in_the_request_reaches_the_model_as_it_was_typed(
    runner: RunnerFixture,
) -> None:
    run = start(runner, definition("quotes_the_request"), "use {language} and {tools}, please")
    runner.harness.ended(run)

    assert "Write in French: use {language} and {tools}, please" in heard(runner)[0]


def test_a_placeholder_in_the_request_stays_in_the_texts_of_an_agent(
    runner: RunnerFixture,
) -> None:
    request = "explain {role}, {backstory}, {input}, {tool_names}, {language}"
    run = start(runner, definition("role_quotes_the_request"), request)
    runner.harness.ended(run)

    assert f"goal is: {request}" in heard(runner)[0]
    assert f"Write: {request}" in heard(runner)[0]
    assert "writer in French" in heard(runner)[0]
    assert "look_up" in heard(runner)[0]


def test_a_placeholder_in_the_request_stays_in_the_name_of_a_file(runner: RunnerFixture) -> None:
    run = start(runner, definition("file_named_by_the_request"), "{language}")
    runner.harness.ended(run)

    assert (runner.folder / "files" / "{language}-French.md").read_text() == "done"


def test_later_phases_get_the_inputs_that_before_kickoff_returned(runner: RunnerFixture) -> None:
    run = start(runner, definition("prepares", "step_1"), "tea")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    assert (runner.folder / "prepared").read_text() == "x"
    assert "One: tea in season 1." in heard(runner)[0]
    assert "Two: tea in season 1." in heard(runner)[1]


def test_a_revision_and_what_follows_it_get_them_too(runner: RunnerFixture) -> None:
    run = start(runner, definition("prepares", "step_1"), "tea")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "hotter")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    assert (runner.folder / "prepared").read_text() == "x"
    assert "Two: tea in season 1." in heard(runner)[2]


def test_before_kickoff_runs_in_each_phase_if_what_it_returns_is_not_json(
    runner: RunnerFixture,
) -> None:
    run = start(runner, definition("prepares_numbers", "step_1"), "tea")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    assert (runner.folder / "prepared").read_text() == "xx"
    assert "Two: tea in season 2." in heard(runner)[1]
