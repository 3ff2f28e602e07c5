"""CrewAI's features, phase by phase and through revisions: one property per test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from storage.definitions import CrewDefinition
from storage.records import Action, Checkpoint, Execution
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import conversations, crew, program

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
        crew(target, phases, *after), target=f"tests.crew_runner.feature_crews:{target}", tries=1
    )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A completed run: its checkpoints by phase and revision, and what the crew did."""

    checkpoints: Mapping[tuple[str, int], Checkpoint]
    ended: Execution
    did: list[str]
    conversations: list[list[str]]

    def text(self, phase: str, revision: int = 1) -> str:
        return self.checkpoints[phase, revision].output.output


def run_to_end(
    runner: RunnerFixture,
    definition: CrewDefinition,
    subject: str,
    revisions: Mapping[str, tuple[str, ...]] | None = None,
) -> RunRecord:
    """Continue at each checkpoint, after revising each phase of `revisions` once."""
    (runner.folder / "survey.subject").write_text(subject)
    run = runner.harness.start(definition, subject)
    checkpoints: dict[tuple[str, int], Checkpoint] = {}
    for _ in range(len(definition.checkpoints) + len(revisions or {})):
        checkpoint = runner.harness.checkpoint(run)
        checkpoints[checkpoint.phase, checkpoint.revision] = checkpoint
        feedback = (revisions or {}).get(checkpoint.phase)
        if feedback and checkpoint.revision == 1:
            runner.harness.decide(checkpoint, Action.REVISE, *feedback)
        else:
            runner.harness.decide(checkpoint, Action.CONTINUE)
    ended = runner.harness.ended(run)
    assert ended.state is ExecutionState.COMPLETED, runner.harness.story(run)
    did = runner.folder / f"{subject}.did"
    lines = did.read_text().splitlines() if did.exists() else []
    return RunRecord(checkpoints, ended, lines, conversations(runner.folder, subject))


@pytest.fixture(scope="module")
def survey(runner: RunnerFixture) -> RunRecord:
    """The survey, in which the report is revised."""
    definition = breadth("Survey", SURVEY, *SURVEY)
    return run_to_end(runner, definition, "bikes", {"end": ("make it warmer", "report")})


@pytest.fixture(scope="module")
def recounted(runner: RunnerFixture) -> RunRecord:
    """The survey in two phases: once the count is revised, the condition of `more` is not met."""
    phases = {"facts": ["count", "more"], "end": ["left", "right", "table", "report"]}
    return run_to_end(runner, breadth("Survey", phases, "facts"), "carts", {"facts": ("recount",)})


def test_a_tool_is_called_with_its_arguments_in_their_types(
    survey: RunRecord, runner: RunnerFixture
) -> None:
    assert (runner.folder / "tool.did").read_text().splitlines()[0] == "Ulm 3"


def test_a_condition_sees_the_typed_output_of_an_earlier_phase_and_lets_its_task_run(
    survey: RunRecord,
) -> None:
    assert survey.text("count") == '{"shops": 7, "town": "Ulm"}'
    assert survey.text("more").startswith("answer ")


def test_a_condition_is_evaluated_again_after_its_task_was_revised(recounted: RunRecord) -> None:
    before, after = recounted.checkpoints["facts", 1], recounted.checkpoints["facts", 2]

    assert before.output.tasks[1].output.startswith("answer ")
    assert '"shops": 30' in after.output.tasks[0].output
    assert after.output.tasks[1].output == "(Not run: the condition of this task did not hold.)"
    assert after.output.output == after.output.tasks[0].output


def test_concurrent_tasks_that_share_an_agent_are_not_mixed_up(recounted: RunRecord) -> None:
    assert recounted.ended.result is not None
    tasks = {task.task: task for task in recounted.ended.result.tasks}

    for name in ("left", "right"):
        [call] = [c for c in recounted.conversations if f"Do {name} about" in c[-1]]
        number = recounted.conversations.index(call) + 1
        assert tasks[name].output == f"answer {number}"
    report = next(call[-1] for call in recounted.conversations if "Do report about" in call[-1])
    assert tasks["left"].output in report
    assert tasks["right"].output in report


def test_output_json_reaches_a_later_task_of_another_phase(survey: RunRecord) -> None:
    table = survey.checkpoints["end", 1].output.tasks[0]

    assert json.loads(table.output) == {"label": "shops", "number": 7}
    saved = table.saved["output"]
    assert isinstance(saved, dict)
    assert saved["json_dict"] == {"label": "shops", "number": 7}


def test_a_guardrails_complaint_reaches_the_agent_in_a_revision_too(survey: RunRecord) -> None:
    *_, revised, once_more = survey.conversations

    assert "make it warmer" in revised[-1]
    assert once_more[: len(revised)] == revised
    assert "did not pass a check: No hype, please" in once_more[-1]


def test_a_revision_continues_from_the_answer_as_the_guardrail_changed_it(
    survey: RunRecord,
) -> None:
    reviewed = survey.checkpoints["end", 1].output.tasks[1].output
    revised = survey.conversations[-2]

    assert reviewed.endswith("(checked)")
    assert revised[-2] == reviewed


def test_an_output_file_contains_what_was_approved(
    survey: RunRecord, runner: RunnerFixture
) -> None:
    report = runner.folder / "reports" / "bikes.md"

    assert report.read_text() == survey.checkpoints["end", 2].output.tasks[1].output


def test_before_kickoff_runs_once_and_after_kickoff_at_the_end_of_the_last_phase(
    survey: RunRecord,
) -> None:
    assert survey.did.count("before") == 1
    assert [line for line in survey.did if line.startswith("after")] == ["after 6", "after 6"]
    assert survey.text("end", 1).endswith(" — signed")
    assert survey.text("end", 2).endswith(" — signed")
    assert any("It is spring." in call[-1] for call in survey.conversations)


def test_task_callbacks_run_once_for_each_task_and_again_when_it_is_revised(
    survey: RunRecord,
) -> None:
    tasks = [line.removeprefix("task ") for line in survey.did if line.startswith("task ")]

    assert sorted(tasks) == ["count", "left", "more", "report", "report", "right", "table"]


@pytest.mark.parametrize(
    ("target", "role"), [("with_manager_llm", "Crew Manager"), ("with_manager_agent", "chief")]
)
def test_a_manager_delegates_the_tasks_of_each_phase_and_revises_by_itself(
    runner: RunnerFixture, target: str, role: str
) -> None:
    definition = breadth(target, MANAGED, "first", "sides")
    record = run_to_end(runner, definition, target, {"sides": ("make it warmer", "left")})
    first, second = record.checkpoints["sides", 1], record.checkpoints["sides", 2]

    assert {task.agent for task in first.output.tasks} == {role}
    left, right = (task.output for task in first.output.tasks)
    revised, kept = (task.output for task in second.output.tasks)
    assert revised == left.replace("managed", "warm")
    assert kept == right
    assert record.ended.result is not None
    assert record.ended.result.output.startswith("managed answer ")


def test_planning_is_repeated_in_each_phase_and_not_in_a_revision(runner: RunnerFixture) -> None:
    record = run_to_end(
        runner, breadth("ready_made", TWO, "a"), "plums", {"a": ("make it warmer",)}
    )

    plans = (runner.folder / "planner.did").read_text()
    assert plans.count("Task Number 1") == 2
    assert plans.count("Task Number 2") == 1
    assert "PLAN 1." in record.conversations[0][-1]
    assert "make it warmer" in record.conversations[1][-1]
    assert "PLAN 2." in record.conversations[2][-1]


def test_knowledge_is_available_in_each_phase_and_searched_once(runner: RunnerFixture) -> None:
    record = run_to_end(runner, breadth("knows", TWO, "a"), "harbour", {"a": ("make it warmer",)})
    kinds = ["search" if "original query" in call[-1] else "task" for call in record.conversations]

    assert kinds == ["search", "task", "task", "search", "task"]
    knowing = [call for call in record.conversations if "closes at nine" in str(call)]
    assert len(knowing) == 3


def test_a_crew_with_memory_runs_where_no_embedder_can_be_reached(runner: RunnerFixture) -> None:
    record = run_to_end(runner, breadth("remembers", {"a": ["one"]}, "a"), "walls")

    assert record.text("a") == "answer 1"


def test_a_typed_output_whose_class_changed_is_reported_readably(runner: RunnerFixture) -> None:
    run = runner.harness.start(breadth("counts_otherwise_now", TWO, "a"), "trams")
    checkpoint = runner.harness.checkpoint(run)
    (runner.folder / "changed").touch()
    runner.harness.decide(checkpoint, Action.CONTINUE)
    error = runner.harness.ended(run).error or ""

    assert error.startswith("The output of task one no longer fits the crew, which has changed")
    assert "country: Field required" in error


@pytest.mark.parametrize("feedback", ["helper", "nested", "chatty"])
def test_a_programs_answer_counts_whatever_else_it_prints(
    runner: RunnerFixture, feedback: str
) -> None:
    limit = timedelta(seconds=60)
    run = runner.harness.start(program(runner.folder, ["run"], tries=1, time_limit=limit), feedback)
    execution = runner.harness.ended(run)

    assert execution.state is ExecutionState.COMPLETED, execution.error
    [ran] = runner.harness.runs(run)
    assert len(ran.progress.get("tasks", ())) <= 40  # type: ignore[arg-type] # a list of tasks
