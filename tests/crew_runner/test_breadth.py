"""What CrewAI can run, phase by phase and through revisions: one property a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from storage.definitions import CrewDefinition
from storage.records import Action, Checkpoint, Execution
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import asked, crew, program

SURVEY = {
    "count": ["count"],
    "more": ["more"],
    "sides": ["left", "right"],
    "end": ["table", "report"],
}
MANAGED = {"first": ["first"], "sides": ["left", "right"], "last": ["last"]}
TWO = {"a": ["one"], "b": ["two"]}


def breadth(target: str, phases: Mapping[str, list[str]], *after: str) -> CrewDefinition:
    return replace(
        crew(target, phases, *after), target=f"tests.crew_runner.breadth:{target}", tries=1
    )


@dataclass(frozen=True, slots=True)
class Told:
    """A run that was decided to its end: what each checkpoint showed, and what the crew did."""

    shown: Mapping[tuple[str, int], Checkpoint]
    ended: Execution
    did: list[str]
    asked: list[list[str]]

    def text(self, phase: str, revision: int = 1) -> str:
        return self.shown[phase, revision].output.output


def tell(
    shop: Shop,
    definition: CrewDefinition,
    subject: str,
    revisions: Mapping[str, tuple[str, ...]] | None = None,
) -> Told:
    """Continue at each checkpoint, and revise each phase of `revisions` once before."""
    (shop.folder / "survey.subject").write_text(subject)
    run = shop.desk.start(definition, subject)
    shown: dict[tuple[str, int], Checkpoint] = {}
    for _ in range(len(definition.checkpoints) + len(revisions or {})):
        checkpoint = shop.desk.checkpoint(run)
        shown[checkpoint.phase, checkpoint.revision] = checkpoint
        wish = (revisions or {}).get(checkpoint.phase)
        if wish and checkpoint.revision == 1:
            shop.desk.decide(checkpoint, Action.REVISE, *wish)
        else:
            shop.desk.decide(checkpoint, Action.CONTINUE)
    ended = shop.desk.ended(run)
    assert ended.state is ExecutionState.COMPLETED, shop.desk.story(run)
    did = shop.folder / f"{subject}.did"
    lines = did.read_text().splitlines() if did.exists() else []
    return Told(shown, ended, lines, asked(shop.folder, subject))


@pytest.fixture(scope="module")
def survey(shop: Shop) -> Told:
    """The survey, in which the report is revised."""
    definition = breadth("Survey", SURVEY, *SURVEY)
    return tell(shop, definition, "bikes", {"end": ("make it warmer", "report")})


@pytest.fixture(scope="module")
def recounted(shop: Shop) -> Told:
    """The survey in two phases: once the count is revised, the condition of `more` is not met."""
    phases = {"facts": ["count", "more"], "end": ["left", "right", "table", "report"]}
    return tell(shop, breadth("Survey", phases, "facts"), "carts", {"facts": ("recount",)})


def test_a_tool_is_called_with_its_arguments_in_their_types(survey: Told, shop: Shop) -> None:
    assert (shop.folder / "tool.did").read_text().splitlines()[0] == "Ulm 3"


def test_a_condition_sees_the_typed_output_of_an_earlier_phase_and_lets_its_task_run(
    survey: Told,
) -> None:
    assert survey.text("count") == '{"shops": 7, "town": "Ulm"}'
    assert survey.text("more").startswith("answer ")


def test_a_condition_is_asked_again_when_what_it_looks_at_was_revised(recounted: Told) -> None:
    before, after = recounted.shown["facts", 1], recounted.shown["facts", 2]

    assert before.output.tasks[1].output.startswith("answer ")
    assert '"shops": 30' in after.output.tasks[0].output
    assert after.output.tasks[1].output == "(Not run: the condition of this task did not hold.)"
    assert after.output.output == after.output.tasks[0].output


def test_tasks_at_the_same_time_that_share_an_agent_are_not_mixed_up(recounted: Told) -> None:
    assert recounted.ended.result is not None
    tasks = {task.task: task for task in recounted.ended.result.tasks}

    for name in ("left", "right"):
        [call] = [c for c in recounted.asked if f"Do {name} about" in c[-1]]
        number = recounted.asked.index(call) + 1
        assert tasks[name].output == f"answer {number}"
    report = next(call[-1] for call in recounted.asked if "Do report about" in call[-1])
    assert tasks["left"].output in report
    assert tasks["right"].output in report


def test_output_json_reaches_a_later_task_of_another_phase(survey: Told) -> None:
    table = survey.shown["end", 1].output.tasks[0]

    assert json.loads(table.output) == {"label": "shops", "number": 7}
    saved = table.saved["output"]
    assert isinstance(saved, dict)
    assert saved["json_dict"] == {"label": "shops", "number": 7}


def test_a_guardrail_speaks_to_the_agent_also_in_a_revision(survey: Told) -> None:
    *_, revised, once_more = survey.asked

    assert "make it warmer" in revised[-1]
    assert once_more[: len(revised)] == revised
    assert "did not pass a check: No hype, please" in once_more[-1]


def test_a_revision_goes_on_from_what_the_guardrail_made_of_the_answer(survey: Told) -> None:
    seen = survey.shown["end", 1].output.tasks[1].output
    revised = survey.asked[-2]

    assert seen.endswith("(checked)")
    assert revised[-2] == seen


def test_an_output_file_holds_what_was_approved(survey: Told, shop: Shop) -> None:
    report = shop.folder / "reports" / "bikes.md"

    assert report.read_text() == survey.shown["end", 2].output.tasks[1].output


def test_before_kickoff_runs_in_every_phase_and_after_kickoff_at_the_end_of_the_last(
    survey: Told,
) -> None:
    phases = len(SURVEY) + 1  # and the revision

    assert survey.did.count("before") == phases
    assert [line for line in survey.did if line.startswith("after")] == ["after 6", "after 6"]
    assert survey.text("end", 1).endswith(" — signed")
    assert survey.text("end", 2).endswith(" — signed")
    assert any("It is spring." in call[-1] for call in survey.asked)


def test_task_callbacks_hear_of_each_task_once_and_again_when_it_is_revised(survey: Told) -> None:
    heard = [line.removeprefix("task ") for line in survey.did if line.startswith("task ")]

    assert sorted(heard) == ["count", "left", "more", "report", "report", "right", "table"]


@pytest.mark.parametrize(
    ("target", "role"), [("with_manager_llm", "Crew Manager"), ("with_manager_agent", "chief")]
)
def test_a_manager_hands_on_the_tasks_of_each_phase_and_revises_in_its_own_words(
    shop: Shop, target: str, role: str
) -> None:
    definition = breadth(target, MANAGED, "first", "sides")
    told = tell(shop, definition, target, {"sides": ("make it warmer", "left")})
    first, second = told.shown["sides", 1], told.shown["sides", 2]

    assert {task.agent for task in first.output.tasks} == {role}
    left, right = (task.output for task in first.output.tasks)
    warm, kept = (task.output for task in second.output.tasks)
    assert warm == left.replace("managed", "warm")
    assert kept == right
    assert told.ended.result is not None
    assert told.ended.result.output.startswith("managed answer ")


def test_planning_is_done_anew_in_each_phase_and_not_in_a_revision(shop: Shop) -> None:
    told = tell(shop, breadth("ready_made", TWO, "a"), "plums", {"a": ("make it warmer",)})

    plans = (shop.folder / "planner.did").read_text()
    assert plans.count("Task Number 1") == 2
    assert plans.count("Task Number 2") == 1
    assert "PLAN 1." in told.asked[0][-1]
    assert "make it warmer" in told.asked[1][-1]
    assert "PLAN 2." in told.asked[2][-1]


def test_knowledge_is_there_in_each_phase_and_looked_up_once(shop: Shop) -> None:
    told = tell(shop, breadth("knows", TWO, "a"), "harbour", {"a": ("make it warmer",)})
    kinds = ["search" if "original query" in call[-1] else "task" for call in told.asked]

    assert kinds == ["search", "task", "task", "search", "task"]
    knowing = [call for call in told.asked if "closes at nine" in str(call)]
    assert len(knowing) == 3


def test_a_crew_with_memory_runs_where_no_embedder_can_be_reached(shop: Shop) -> None:
    told = tell(shop, breadth("remembers", {"a": ["one"]}, "a"), "walls")

    assert told.text("a") == "answer 1"


def test_a_typed_output_whose_class_was_changed_is_said_in_words(shop: Shop) -> None:
    run = shop.desk.start(breadth("counts_otherwise_now", TWO, "a"), "trams")
    checkpoint = shop.desk.checkpoint(run)
    (shop.folder / "changed").touch()
    shop.desk.decide(checkpoint, Action.CONTINUE)
    error = shop.desk.ended(run).error or ""

    assert error.startswith("The output of task one no longer fits the crew, which was changed")
    assert "country: Field required" in error


@pytest.mark.parametrize("wish", ["helper", "nested", "chatty"])
def test_a_program_that_answers_is_heard_whatever_else_it_does(shop: Shop, wish: str) -> None:
    limit = timedelta(seconds=60)
    run = shop.desk.start(program(shop.folder, ["run"], tries=1, time_limit=limit), wish)
    execution = shop.desk.ended(run)

    assert execution.state is ExecutionState.COMPLETED, execution.error
    [ran] = shop.desk.runs(run)
    assert len(ran.progress.get("tasks", ())) <= 40  # type: ignore[arg-type] # a list of tasks
