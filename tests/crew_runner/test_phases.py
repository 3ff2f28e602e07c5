"""Crews phase by phase: hand-over, revisions, and what a crew may look like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from crew_runner.config.registry import load_crews
from storage.definitions import CrewDefinition
from storage.records import Action
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY, asked, crew

ROOT = Path(__file__).parent.parent.parent
SHIPPED = load_crews(ROOT / "crews.yml")["plan"]


def three(*after: str) -> CrewDefinition:
    phases = {"research": ["gather", "weigh"], "text": ["write"]}
    return crew("three_tasks", phases, *after)


def test_the_shipped_crew_runs_phase_by_phase_to_the_end(shop: Shop) -> None:
    run = shop.desk.start(SHIPPED, "a summer campaign for a bicycle shop")
    seen = []
    for _ in SHIPPED.checkpoints:
        checkpoint = shop.desk.checkpoint(run)
        seen.append((checkpoint.name, [task.task for task in checkpoint.output.tasks]))
        shop.desk.decide(checkpoint, Action.CONTINUE)

    execution = shop.desk.ended(run)

    assert seen == [
        ("after_planning", ["create_content_plan"]),
        ("after_analysis", ["analyze_sentiment", "research_trends"]),
        ("before_finalization", ["draft_strategy"]),
    ]
    assert execution.state is ExecutionState.COMPLETED
    assert execution.result is not None
    assert "bicycle" in execution.result.output
    assert execution.result.tasks[-1].agent == "Content strategist"
    last = shop.desk.runs(run)[-1].output
    assert last is not None
    assert last.usage["offline-drafter"]["calls"] == 1
    assert last.usage["offline-drafter"]["completion_tokens"] > 50


def test_a_later_phase_is_given_the_outputs_that_its_tasks_build_on(shop: Shop) -> None:
    run = shop.desk.start(three("research"), "kites")
    shop.desk.decide(shop.desk.checkpoint(run), Action.CONTINUE)
    execution = shop.desk.ended(run)

    gathered, weighed, written = asked(shop.folder, "kites")
    assert execution.result is not None
    assert execution.result.output == "answer 3"
    assert "answer 1" not in str(gathered)
    assert "answer 1" in str(weighed)
    assert "answer 1" in str(written)
    assert "answer 2" in str(written)


def test_a_structured_output_is_handed_on_with_its_shape(shop: Shop) -> None:
    run = shop.desk.start(crew("shapes", {"one": ["draw"], "two": ["tell"]}, "one"), "roofs")
    shop.desk.decide(shop.desk.checkpoint(run), Action.CONTINUE)
    shop.desk.ended(run)

    drawn = shop.desk.runs(run)[0].output
    assert drawn is not None
    assert drawn.tasks[0].saved["pydantic"] == {"kind": "square", "sides": 4}
    assert "square" in str(asked(shop.folder, "roofs")[-1])


def test_a_revision_costs_one_model_call_in_the_saved_conversation(shop: Shop) -> None:
    run = shop.desk.start(
        crew("three_tasks", {"a": ["gather"], "b": ["weigh", "write"]}, "a"), "tea"
    )
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.REVISE, "name three brands")
    second = shop.desk.checkpoint(run)

    before, after = asked(shop.folder, "tea")
    assert second.revision == 2
    assert second.output.output == "answer 2"
    assert after[: len(before)] == before
    assert "answer 1" in after[len(before)]
    assert "name three brands" in after[-1]


def test_revisions_pile_up_in_one_conversation(shop: Shop) -> None:
    run = shop.desk.start(three("research"), "soap")
    for words in ("be brief", "be kind"):
        shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, words, "gather")
    last = shop.desk.checkpoint(run)

    conversation = "\n".join(asked(shop.folder, "soap")[-1])
    assert last.revision == 3
    assert conversation.index("be brief") < conversation.index("be kind")


def test_only_the_named_outputs_are_revised_and_the_others_stay(shop: Shop) -> None:
    run = shop.desk.start(three("research"), "rope")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "shorter", "gather")
    second = shop.desk.checkpoint(run)

    assert [task.output for task in second.output.tasks] == ["answer 3", "answer 2"]
    assert second.output.output == "answer 2"
    assert len(asked(shop.folder, "rope")) == 3


def test_a_revision_of_all_outputs_shows_later_tasks_what_earlier_ones_became(shop: Shop) -> None:
    run = shop.desk.start(three("research"), "wool")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "warmer")
    second = shop.desk.checkpoint(run)

    *_, regathered, reweighed = asked(shop.folder, "wool")
    assert [task.output for task in second.output.tasks] == ["answer 3", "answer 4"]
    assert "warmer" in regathered[-1]
    assert "answer 3" in reweighed[-2]
    assert "warmer" in reweighed[-1]


def test_what_follows_a_revision_builds_on_the_revised_output(shop: Shop) -> None:
    run = shop.desk.start(three("research"), "milk")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "fresher", "weigh")
    shop.desk.decide(shop.desk.checkpoint(run), Action.CONTINUE)
    shop.desk.ended(run)

    written = str(asked(shop.folder, "milk")[-1])
    assert "answer 3" in written
    assert "answer 2" not in written


def test_a_revision_does_not_use_the_tools_again(shop: Shop) -> None:
    run = shop.desk.start(crew("with_tool", {"look": ["look"]}, "look"), "shops")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "sort them")
    shop.desk.checkpoint(run)

    assert (shop.folder / "searches").read_text() == "shops\n"
    assert "sort them" in asked(shop.folder, "shops")[-1][-1]


def test_a_crew_without_phases_describes_itself_and_every_task_is_a_phase(shop: Shop) -> None:
    run = shop.desk.start(crew("three_tasks", None, "weigh"), "maps")
    checkpoint = shop.desk.checkpoint(run)
    phases = shop.desk.reads.execution(run).phases
    shop.desk.decide(checkpoint, Action.CONTINUE)
    execution = shop.desk.ended(run)

    assert checkpoint.phase == "weigh"
    assert phases == ("gather", "weigh", "write")
    assert [each.phase for each in shop.desk.runs(run)] == ["gather", "weigh", "write"]
    assert execution.state is ExecutionState.COMPLETED


def test_a_task_without_a_name_is_a_phase_by_its_number(shop: Shop) -> None:
    run = shop.desk.start(crew("unnamed"), "nails")

    assert shop.desk.ended(run).state is ExecutionState.COMPLETED
    assert [each.phase for each in shop.desk.runs(run)] == ["task_1", "last"]


def test_a_phase_may_end_with_tasks_that_run_at_the_same_time(shop: Shop) -> None:
    phases = {"both": ["left", "right"], "join": ["join"]}
    run = shop.desk.start(crew("two_at_once", phases, "both"), "gloves")
    checkpoint = shop.desk.checkpoint(run)
    shop.desk.decide(checkpoint, Action.CONTINUE)
    shop.desk.ended(run)

    assert {task.task for task in checkpoint.output.tasks} == {"left", "right"}
    joined = str(asked(shop.folder, "gloves")[-1])
    assert "answer 1" in joined
    assert "answer 2" in joined


def test_crews_find_none_of_the_bots_secrets_and_none_of_its_connections(new_shop: Shop) -> None:
    run = new_shop.desk.start(crew("spies", {"spy": ["spy"]}), "keys")
    result = new_shop.desk.ended(run).result
    assert result is not None
    found = json.loads(result.output)

    for place in ("own", "built", "self", "parent"):
        names = [name for name in found[place] if name.startswith(("SLACK_", "COUNTERSIGN_"))]
        assert names == []
        assert "DATABASE_URL" not in found[place]
    assert "TESTS_FOLDER" in found["own"]
    assert found["stdin"] == ""
    assert found["open"] == []
    assert "child/start.py" in " ".join(found["command"])


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("cannot_be_built", "LookupError: the price list is missing"),
        ("AFlow", "names phases for a flow"),
        ("NO_CREW", "is no crew: it gives int"),
        ("three_task", "Did you mean 'three_tasks'?"),
    ],
)
def test_a_crew_that_cannot_be_built_is_said_in_words_at_once(
    shop: Shop, target: str, said: str
) -> None:
    run = shop.desk.start(crew(target, {"one": ["task"]}), "oats")
    execution = shop.desk.ended(run)

    assert execution.state is ExecutionState.ERROR
    assert said in (execution.error or "")
    assert "Traceback" not in (execution.error or "")
    assert len(shop.desk.runs(run)) == 1


def test_phases_that_do_not_fit_the_tasks_are_said_in_words(shop: Shop) -> None:
    misspelt = crew("three_tasks", {"one": ["gather", "way", "write"]})
    partial = crew("three_tasks", {"one": ["gather"], "two": ["write"]})
    turned = crew("three_tasks", {"one": ["weigh"], "two": ["gather", "write"]})
    runs = [shop.desk.start(each, "oats") for each in (misspelt, partial, turned)]
    errors = [shop.desk.ended(run).error or "" for run in runs]

    assert "does not have: way. It has: gather, weigh, write." in errors[0]
    assert "No phase in crews.yml names these tasks of the crew: weigh." in errors[1]
    assert "in the order in which the crew runs them" in errors[2]


def test_a_lesson_stands_in_the_prompts_of_later_runs(shop: Shop) -> None:
    taught = replace(three("research"), lessons=True)
    first = shop.desk.start(taught, "learners")
    checkpoint = shop.desk.checkpoint(first)
    shop.desk.decide(checkpoint, Action.REVISE, "name the prices")
    shop.desk.state.add_lesson(checkpoint.id, actor=ANYBODY)
    shop.desk.checkpoint(first)

    second = shop.desk.start(taught, "teachers")
    checkpoint = shop.desk.checkpoint(second)

    assert checkpoint.lessons == ("name the prices",)
    asked_for = [str(call) for call in asked(shop.folder, "teachers")]
    assert len(asked_for) == 2
    assert all("- name the prices" in call for call in asked_for)
