"""Crews phase by phase: passing on outputs, revisions, and the forms a crew may have."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crew_runner.config.registry import load_crews
from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, conversations, crew

ROOT = Path(__file__).parent.parent.parent
SHIPPED = load_crews(ROOT / "crews.yml")["plan"]


def three(*after: str) -> CrewDefinition:
    phases = {"research": ["gather", "weigh"], "text": ["write"]}
    return crew("three_tasks", phases, *after)


def test_the_shipped_crew_runs_phase_by_phase_to_the_end(runner: RunnerFixture) -> None:
    run = runner.harness.start(SHIPPED, "a summer campaign for a bicycle shop")
    reached = []
    for _ in SHIPPED.checkpoints:
        checkpoint = runner.harness.checkpoint(run)
        reached.append((checkpoint.name, [task.task for task in checkpoint.output.tasks]))
        runner.harness.decide(checkpoint, Action.CONTINUE)

    execution = runner.harness.ended(run)

    assert reached == [
        ("after_planning", ["create_content_plan"]),
        ("after_analysis", ["analyze_sentiment", "research_trends"]),
        ("before_finalization", ["draft_strategy"]),
    ]
    assert execution.state is ExecutionState.COMPLETED
    assert execution.result is not None
    assert "bicycle" in execution.result.output
    assert execution.result.tasks[-1].agent == "Content strategist"
    last = runner.harness.runs(run)[-1].output
    assert last is not None
    assert last.usage["offline-drafter"]["calls"] == 1
    assert last.usage["offline-drafter"]["completion_tokens"] > 50


def test_a_later_phase_gets_the_outputs_that_its_tasks_build_on(runner: RunnerFixture) -> None:
    run = runner.harness.start(three("research"), "kites")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    execution = runner.harness.ended(run)

    gathered, weighed, written = conversations(runner.folder, "kites")
    assert execution.result is not None
    assert execution.result.output == "answer 3"
    assert "answer 1" not in str(gathered)
    assert "answer 1" in str(weighed)
    assert "answer 1" in str(written)
    assert "answer 2" in str(written)


def test_a_structured_output_is_passed_on_with_its_structure(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("shapes", {"one": ["draw"], "two": ["tell"]}, "one"), "roofs")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    drawn = runner.harness.runs(run)[0].output
    assert drawn is not None
    assert drawn.tasks[0].saved["pydantic"] == {"kind": "square", "sides": 4}
    assert isinstance(drawn.tasks[0].saved["seconds"], float)
    assert json.loads(drawn.tasks[0].structured) == {"kind": "square", "sides": 4}
    assert "square" in str(conversations(runner.folder, "roofs")[-1])


def test_a_revision_costs_one_model_call_in_the_saved_conversation(runner: RunnerFixture) -> None:
    run = runner.harness.start(
        crew("three_tasks", {"a": ["gather"], "b": ["weigh", "write"]}, "a"), "tea"
    )
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.REVISE, "name three brands")
    second = runner.harness.checkpoint(run)

    before, after = conversations(runner.folder, "tea")
    assert second.revision == 2
    assert second.output.output == "answer 2"
    assert after[: len(before)] == before
    assert "answer 1" in after[len(before)]
    assert "name three brands" in after[-1]


def test_revisions_accumulate_in_one_conversation(runner: RunnerFixture) -> None:
    run = runner.harness.start(three("research"), "soap")
    for words in ("be brief", "be kind"):
        runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, words, "gather")
    last = runner.harness.checkpoint(run)

    conversation = "\n".join(conversations(runner.folder, "soap")[-1])
    assert last.revision == 3
    assert conversation.index("be brief") < conversation.index("be kind")


def test_only_the_named_outputs_are_revised_and_the_others_stay(runner: RunnerFixture) -> None:
    run = runner.harness.start(three("research"), "rope")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "shorter", "gather")
    second = runner.harness.checkpoint(run)

    assert [task.output for task in second.output.tasks] == ["answer 3", "answer 2"]
    assert second.output.output == "answer 2"
    assert len(conversations(runner.folder, "rope")) == 3


def test_a_revision_of_all_outputs_shows_later_tasks_the_revised_earlier_ones(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(three("research"), "wool")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "warmer")
    second = runner.harness.checkpoint(run)

    *_, regathered, reweighed = conversations(runner.folder, "wool")
    assert [task.output for task in second.output.tasks] == ["answer 3", "answer 4"]
    assert "warmer" in regathered[-1]
    assert "answer 3" in reweighed[-2]
    assert "warmer" in reweighed[-1]


def test_what_follows_a_revision_builds_on_the_revised_output(runner: RunnerFixture) -> None:
    run = runner.harness.start(three("research"), "milk")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "fresher", "weigh")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)
    runner.harness.ended(run)

    written = str(conversations(runner.folder, "milk")[-1])
    assert "answer 3" in written
    assert "answer 2" not in written


def test_a_revision_does_not_use_the_tools_again(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("with_tool", {"look": ["look"]}, "look"), "shops")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "sort them")
    runner.harness.checkpoint(run)

    assert (runner.folder / "searches").read_text() == "shops\n"
    assert "sort them" in conversations(runner.folder, "shops")[-1][-1]


def test_a_crew_without_phases_is_cut_at_its_checkpoints_only(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("three_tasks", None, "weigh"), "maps")
    checkpoint = runner.harness.checkpoint(run)
    phases = runner.harness.reads.execution(run).phases
    runner.harness.decide(checkpoint, Action.CONTINUE)
    execution = runner.harness.ended(run)

    assert checkpoint.phase == "weigh"
    assert [task.task for task in checkpoint.output.tasks] == ["gather", "weigh"]
    assert phases == ("weigh", "write")
    assert [each.phase for each in runner.harness.runs(run)] == ["weigh", "write"]
    assert execution.state is ExecutionState.COMPLETED


def test_a_crew_without_a_checkpoint_is_one_phase(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("three_tasks"), "globes")
    execution = runner.harness.ended(run)

    assert execution.phases == ("write",)
    assert execution.result is not None
    assert [task.task for task in execution.result.tasks] == ["gather", "weigh", "write"]


def test_a_checkpoint_before_a_task_in_the_middle_cuts_there(runner: RunnerFixture) -> None:
    ahead = CheckpointDefinition("look", RULE, before="weigh")
    run = runner.harness.start(replace(crew("three_tasks"), checkpoints=(ahead,)), "charts")
    checkpoint = runner.harness.checkpoint(run)
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert (checkpoint.name, checkpoint.phase) == ("look", "gather")
    assert runner.harness.ended(run).phases == ("gather", "write")


def test_a_checkpoint_at_a_cut_can_be_left_out(runner: RunnerFixture) -> None:
    started = runner.harness.state.start_execution(
        definition=crew("three_tasks", None, "gather", "weigh"),
        request=runner.harness.request("atlases"),
        requester=ANYBODY,
        checkpoints=["after_weigh"],
    )
    checkpoint = runner.harness.checkpoint(started.id)
    runner.harness.decide(checkpoint, Action.CONTINUE)

    assert checkpoint.name == "after_weigh"
    assert runner.harness.ended(started.id).state is ExecutionState.COMPLETED


def test_a_checkpoint_at_a_task_that_does_not_exist_is_refused_before_a_model_is_called(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(crew("three_tasks", None, "way"), "plans")
    failed = runner.harness.ended(run)

    assert "names phase 'way', which is not one of: gather, weigh, write" in (failed.error or "")
    assert not (runner.folder / "plans.asked").exists()


def test_what_the_crew_keeps_on_itself_lasts_within_a_phase(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("keeps_a_plan"), "shelves")
    runner.harness.ended(run)

    assert (runner.folder / "kept").read_text() == "plan: answer 1"


def test_a_task_without_a_name_is_called_by_its_number(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("unnamed", None, "task_1"), "nails")
    runner.harness.decide(runner.harness.checkpoint(run), Action.CONTINUE)

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert [each.phase for each in runner.harness.runs(run)] == ["task_1", "last"]


def test_a_phase_may_end_with_tasks_that_run_at_the_same_time(runner: RunnerFixture) -> None:
    phases = {"both": ["left", "right"], "join": ["join"]}
    run = runner.harness.start(crew("two_at_once", phases, "both"), "gloves")
    checkpoint = runner.harness.checkpoint(run)
    runner.harness.decide(checkpoint, Action.CONTINUE)
    runner.harness.ended(run)

    assert {task.task for task in checkpoint.output.tasks} == {"left", "right"}
    joined = str(conversations(runner.folder, "gloves")[-1])
    assert "answer 1" in joined
    assert "answer 2" in joined


def test_crews_find_none_of_the_bots_secrets_and_none_of_its_connections(
    fresh_runner: RunnerFixture,
) -> None:
    run = fresh_runner.harness.start(crew("spies", {"spy": ["spy"]}), "keys")
    result = fresh_runner.harness.ended(run).result
    assert result is not None
    report = json.loads(result.output)

    for place in ("own", "built", "self", "parent"):
        names = [name for name in report[place] if name.startswith(("SLACK_", "COUNTERSIGN_"))]
        assert names == []
        assert "DATABASE_URL" not in report[place]
    assert "TESTS_FOLDER" in report["own"]
    assert report["stdin"] == ""
    assert report["open"] == []
    assert "child/process/start.py" in " ".join(report["command"])


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("cannot_be_built", "LookupError: the price list is missing"),
        ("AFlow", "names phases for a flow"),
        ("NO_CREW", "is not a crew but int"),
        ("three_task", "Did you mean 'three_tasks'?"),
    ],
)
def test_a_crew_that_cannot_be_built_fails_at_once_with_a_readable_message(
    runner: RunnerFixture, target: str, message: str
) -> None:
    run = runner.harness.start(crew(target, {"one": ["task"]}), "oats")
    execution = runner.harness.ended(run)

    assert execution.state is ExecutionState.ERROR
    assert message in (execution.error or "")
    assert "Traceback" not in (execution.error or "")
    assert len(runner.harness.runs(run)) == 1


def test_phases_that_do_not_match_the_tasks_are_reported_readably(runner: RunnerFixture) -> None:
    misspelt = crew("three_tasks", {"one": ["gather", "way", "write"]})
    partial = crew("three_tasks", {"one": ["gather"], "two": ["write"]})
    reordered = crew("three_tasks", {"one": ["weigh"], "two": ["gather", "write"]})
    runs = [runner.harness.start(each, "oats") for each in (misspelt, partial, reordered)]
    errors = [runner.harness.ended(run).error or "" for run in runs]

    assert "does not have: way. It has: gather, weigh, write." in errors[0]
    assert "No phase in crews.yml names these tasks of the crew: weigh." in errors[1]
    assert "in the order in which the crew runs them" in errors[2]


def test_a_lesson_is_part_of_the_prompts_of_later_runs(runner: RunnerFixture) -> None:
    crew_with_lessons = replace(three("research"), lessons=True)
    first = runner.harness.start(crew_with_lessons, "learners")
    checkpoint = runner.harness.checkpoint(first)
    runner.harness.decide(checkpoint, Action.REVISE, "name the prices")
    runner.harness.state.add_lesson(checkpoint.id, actor=ANYBODY)
    runner.harness.checkpoint(first)

    second = runner.harness.start(crew_with_lessons, "teachers")
    checkpoint = runner.harness.checkpoint(second)

    assert checkpoint.lessons == ("name the prices",)
    human_input_checkpoints = [str(call) for call in conversations(runner.folder, "teachers")]
    assert len(human_input_checkpoints) == 2
    assert all("- name the prices" in call for call in human_input_checkpoints)
