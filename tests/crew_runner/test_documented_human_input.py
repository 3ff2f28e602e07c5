"""Human input works as CrewAI's documentation promises, without a console."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.decisions import Decision
from storage.definitions import CrewDefinition, DecisionRule, OnTimeout
from storage.records import Action, Checkpoint
from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, RULE, Harness, crew
from tests.support.processes import wait_until


def published(name: str, rule: DecisionRule = RULE) -> CrewDefinition:
    return replace(
        crew(name), target=f"tests.crew_runner.documented_crews:{name}", rule=rule, tries=1
    )


def choose(harness: Harness, checkpoint: Checkpoint, outcome: str, text: str = "") -> None:
    harness.state.decide(
        Decision(checkpoint.id, Action.CONTINUE, ANYBODY, text=text, outcome=outcome)
    )


def result(harness: Harness, run: str) -> str:
    execution = harness.ended(run)
    assert execution.state is ExecutionState.COMPLETED, harness.story(run)
    assert execution.result is not None
    return execution.result.output


def test_human_input_is_requested_after_each_task_that_asks_and_changes_the_answer(
    runner: RunnerFixture,
) -> None:
    before = len(runner.model.calls)
    run = runner.harness.start(published("researcher_and_writer"), "solar power")
    report = runner.harness.checkpoint(run)
    runner.harness.decide(report, Action.REVISE, "leave out the prices")
    better = runner.harness.checkpoint(run)
    runner.harness.decide(better, Action.CONTINUE)
    article = runner.harness.checkpoint(run)
    runner.harness.decide(article, Action.CONTINUE)

    assert "solar power" in report.output.output
    assert better.output.output != report.output.output
    assert result(runner.harness, run) == article.output.output
    assert [each.phase for each in (report, better, article)] == ["task_1", "task_1", "task_2"]
    rounds = [call for call in runner.model.calls[before:] if call.revision]
    assert len(rounds) == 1


def test_without_emit_the_listener_gets_the_output_the_feedback_and_the_metadata(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(published("CollectsWords"), "it")
    gate = runner.harness.checkpoint(run)
    runner.harness.decide(gate, Action.REVISE, "more colour")

    assert gate.description == "What do you think of this?"
    assert gate.output.output == "A text to look at."
    assert json.loads(result(runner.harness, run)) == {
        "output": "A text to look at.",
        "feedback": "more colour",
        "outcome": None,
        "method": "make",
        "metadata": {"channel": "news"},
        "has_time": True,
        "last": "more colour",
    }


@pytest.mark.parametrize(
    ("outcome", "verb"),
    [("approved", "published"), ("rejected", "discarded"), ("needs_revision", "to be revised")],
)
def test_with_emit_the_listener_of_the_chosen_outcome_runs_and_no_other(
    runner: RunnerFixture, outcome: str, verb: str
) -> None:
    run = runner.harness.start(published("ThreeWays"), f"it-{outcome}")
    gate = runner.harness.checkpoint(run)
    choose(runner.harness, gate, outcome, "my reasons")

    assert gate.outcomes == ("approved", "rejected", "needs_revision")
    assert result(runner.harness, run) == f"{verb} 'A draft.', {outcome}: 'my reasons'"


def test_without_an_answer_the_default_outcome_is_taken(runner: RunnerFixture) -> None:
    rule = replace(RULE, timeout=timedelta(seconds=0.05), on_timeout=OnTimeout.CONTINUE)
    run = runner.harness.start(published("ThreeWays", rule), "silence")
    gate = runner.harness.checkpoint(run)
    assert gate.deadline is not None
    wait_until(
        lambda: bool(runner.harness.state.expire_due()), within=10, what="the deadline takes effect"
    )

    assert result(runner.harness, run).startswith("to be revised 'A draft.', needs_revision")


def test_a_loop_brings_the_draft_back_until_it_is_approved_and_remembers_every_round(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(published("ContentApproval"), "it")
    drafts = []
    for words in ("shorter", "kinder"):
        gate = runner.harness.checkpoint(run)
        drafts.append(gate.output.output)
        choose(runner.harness, gate, "needs_revision", words)
    last = runner.harness.checkpoint(run)
    choose(runner.harness, last, "approved", "good")

    assert drafts == ["# On bees", "# On bees\n(v1: shorter)"]
    assert last.output.output == "# On bees\n(v1: shorter)\n(v2: kinder)"
    text = result(runner.harness, run)
    assert text.startswith("published ")
    assert text.endswith(
        "after ['needs_revision: shorter', 'needs_revision: kinder', 'approved: good']"
    )


def test_several_gates_are_asked_one_after_the_other_and_all_are_remembered(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(published("LegalThenEditor"), "it")
    legal = runner.harness.checkpoint(run)
    choose(runner.harness, legal, "legal_ok", "fine by law")
    editor = runner.harness.checkpoint(run)
    runner.harness.decide(editor, Action.REVISE, "mind the commas")

    assert (legal.description, legal.outcomes) == (
        "Legal: is this allowed?",
        ("legal_ok", "legal_no"),
    )
    assert (editor.description, editor.outcomes) == ("Editor: any last words?", ())
    reviewed = "A claim. (legal said 'fine by law')"
    assert editor.output.output == reviewed
    assert json.loads(result(runner.harness, run)) == [
        ["legal", "legal_ok", "fine by law", "A claim."],
        ["editor", None, "mind the commas", reviewed],
    ]
