"""What a reviewer wrote or chose is what later tasks, revisions and programs get."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from storage.decisions import Decision, Edit, UseRevision
from storage.output_hash import output_hash
from storage.records import Action, Checkpoint
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, conversations, crew, program

THREE_TASKS = replace(
    crew("three_tasks", {"facts": ["gather", "weigh"], "end": ["write"]}, "facts"), name="edited"
)
DRAWN = crew("shapes", {"draw": ["draw"], "tell": ["tell"]}, "draw", tries=1)


def edit(runner: RunnerFixture, checkpoint: Checkpoint, texts: Mapping[str, str]) -> Checkpoint:
    return runner.harness.state.edit(Edit(checkpoint.id, texts, ANYBODY)).checkpoint


def approve(runner: RunnerFixture, checkpoint: Checkpoint) -> None:
    """Continue, bound to what the checkpoint shows."""
    shown = output_hash(checkpoint.output)
    decision = Decision(checkpoint.id, Action.CONTINUE, ANYBODY, shown=shown)
    runner.harness.state.decide(decision)


def test_later_phases_get_the_edited_text(runner: RunnerFixture) -> None:
    run = runner.harness.start(THREE_TASKS, "edits")
    first = runner.harness.checkpoint(run)
    second = edit(runner, first, {"weigh": "The tandems sell best."})

    approve(runner, second)
    ended = runner.harness.ended(run)

    write = "\n".join(conversations(runner.folder, "edits")[-1])
    assert "The tandems sell best." in write
    assert first.output.tasks[0].output in write
    assert first.output.tasks[1].output not in write
    assert ended.result is not None
    assert ended.result.tasks[1].output == "The tandems sell best."


def test_later_phases_get_the_edited_value_of_a_typed_output(runner: RunnerFixture) -> None:
    run = runner.harness.start(DRAWN, "shapes")
    drawn = runner.harness.checkpoint(run)

    approve(runner, edit(runner, drawn, {"draw": '{"kind": "hexagon", "sides": 6}'}))

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED, runner.harness.story(run)
    tell = "\n".join(conversations(runner.folder, "shapes")[-1])
    assert "hexagon" in tell
    assert "square" not in tell


def test_an_edit_that_does_not_fit_the_type_is_reported_readably(runner: RunnerFixture) -> None:
    run = runner.harness.start(DRAWN, "shapes2")
    drawn = runner.harness.checkpoint(run)

    approve(runner, edit(runner, drawn, {"draw": '{"kind": "line", "sides": 2}'}))

    error = runner.harness.ended(run).error or ""
    assert error.startswith("The edited output of task draw does not fit its type: ")
    assert "Shape: sides: Input should be greater than or equal to 3" in error


def test_later_phases_get_the_text_of_the_earlier_revision_that_was_chosen(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(THREE_TASKS, "chosen")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.REVISE, "shorter")
    second = runner.harness.checkpoint(run)
    chosen = runner.harness.state.use_revision(UseRevision(second.id, 1, ANYBODY)).checkpoint

    approve(runner, chosen)
    runner.harness.ended(run)

    write = "\n".join(conversations(runner.folder, "chosen")[-1])
    for before, after in zip(first.output.tasks, second.output.tasks, strict=True):
        assert before.output in write
        assert after.output not in write


def test_a_revision_starts_from_the_edited_text_and_never_sees_the_old_one(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(THREE_TASKS, "edited")
    first = runner.harness.checkpoint(run)
    second = edit(runner, first, {"weigh": "answer"})  # part of the old answer
    runner.harness.decide(second, Action.REVISE, "warmer", "weigh")
    third = runner.harness.checkpoint(run)

    revised = conversations(runner.folder, "edited")[-1]
    assert revised[-3] == "answer"
    assert revised[-2].startswith("The reviewer has edited your last answer.")
    assert "warmer" in revised[-1]
    assert not any("Final Answer: answer 2" in message for message in revised)
    assert [task.edited for task in third.output.tasks] == [False, False]
    assert third.output.tasks[1].output == "answer 3"
    approve(runner, third)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_a_task_that_builds_on_an_edited_one_learns_of_it_when_it_is_revised(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(THREE_TASKS, "builds")
    first = runner.harness.checkpoint(run)
    second = edit(runner, first, {"gather": "Only tandems."})
    runner.harness.decide(second, Action.REVISE, "warmer", "weigh")
    third = runner.harness.checkpoint(run)

    revised = conversations(runner.folder, "builds")[-1]
    assert revised[-2] == (
        "The reviewer has edited a text that this one builds on. gather reads now:\n\nOnly tandems."
    )
    assert third.output.tasks[0].output == "Only tandems."
    assert third.output.tasks[0].edited


def test_a_program_gets_the_edited_outputs(runner: RunnerFixture) -> None:
    run = runner.harness.start(program(runner.folder, ["think", "write"], "think"), "phases")
    first = runner.harness.checkpoint(run)

    approve(runner, edit(runner, first, {"": "A thought of my own."}))

    result = runner.harness.ended(run).result
    assert result is not None
    inputs = json.loads(result.output)["inputs"]
    assert inputs["outputs"] == {"think": "A thought of my own."}
    assert inputs["edited_outputs"] == {"think": {"write": "A thought of my own."}}


def test_a_program_revises_the_edited_output(runner: RunnerFixture) -> None:
    run = runner.harness.start(program(runner.folder, ["run"], "run"), "revise")
    first = runner.harness.checkpoint(run)
    second = edit(runner, first, {"": "A thought of my own."})
    runner.harness.decide(second, Action.REVISE, "shorter")

    inputs = json.loads(runner.harness.checkpoint(run).output.output)["inputs"]

    assert inputs["previous_output"] == "A thought of my own."
    assert inputs["feedback"] == "shorter"
