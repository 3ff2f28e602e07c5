"""What CrewAI's documentation promises of human input holds, with nobody at a console."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from storage.definitions import CrewDefinition, DecisionRule, OnTimeout
from storage.records import Action, Checkpoint, Decision
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY, RULE, Desk, crew
from tests.support.processes import wait_until


def published(name: str, rule: DecisionRule = RULE) -> CrewDefinition:
    return replace(crew(name), target=f"tests.crew_runner.published:{name}", rule=rule, tries=1)


def choose(desk: Desk, checkpoint: Checkpoint, outcome: str, text: str = "") -> None:
    desk.state.decide(Decision(checkpoint.id, Action.CONTINUE, ANYBODY, text=text, outcome=outcome))


def result(desk: Desk, run: str) -> str:
    execution = desk.ended(run)
    assert execution.state is ExecutionState.COMPLETED, desk.story(run)
    assert execution.result is not None
    return execution.result.output


def test_human_input_is_asked_for_after_each_task_that_wants_it_and_shapes_the_answer(
    shop: Shop,
) -> None:
    before = len(shop.model.calls)
    run = shop.desk.start(published("researcher_and_writer"), "solar power")
    report = shop.desk.checkpoint(run)
    shop.desk.decide(report, Action.REVISE, "leave out the prices")
    better = shop.desk.checkpoint(run)
    shop.desk.decide(better, Action.CONTINUE)
    article = shop.desk.checkpoint(run)
    shop.desk.decide(article, Action.CONTINUE)

    assert "solar power" in report.output.output
    assert better.output.output != report.output.output
    assert result(shop.desk, run) == article.output.output
    assert [each.phase for each in (report, better, article)] == ["task_1", "task_1", "task_2"]
    rounds = [call for call in shop.model.calls[before:] if call.revision]
    assert len(rounds) == 1


def test_without_emit_the_listener_gets_the_output_the_words_and_the_metadata(shop: Shop) -> None:
    run = shop.desk.start(published("CollectsWords"), "it")
    gate = shop.desk.checkpoint(run)
    shop.desk.decide(gate, Action.REVISE, "more colour")

    assert gate.description == "What do you think of this?"
    assert gate.output.output == "A text to look at."
    assert json.loads(result(shop.desk, run)) == {
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
    shop: Shop, outcome: str, verb: str
) -> None:
    run = shop.desk.start(published("ThreeWays"), f"it-{outcome}")
    gate = shop.desk.checkpoint(run)
    choose(shop.desk, gate, outcome, "my reasons")

    assert gate.outcomes == ("approved", "rejected", "needs_revision")
    assert result(shop.desk, run) == f"{verb} 'A draft.', {outcome}: 'my reasons'"


def test_nobody_says_anything_and_the_default_outcome_is_taken(shop: Shop) -> None:
    rule = replace(RULE, timeout=timedelta(seconds=0.05), on_timeout=OnTimeout.CONTINUE)
    run = shop.desk.start(published("ThreeWays", rule), "silence")
    gate = shop.desk.checkpoint(run)
    assert gate.deadline is not None
    wait_until(
        lambda: bool(shop.desk.state.expire_due()), within=10, what="the deadline takes effect"
    )

    assert result(shop.desk, run).startswith("to be revised 'A draft.', needs_revision")


def test_a_loop_brings_the_draft_back_until_it_is_approved_and_remembers_every_round(
    shop: Shop,
) -> None:
    run = shop.desk.start(published("ContentApproval"), "it")
    drafts = []
    for words in ("shorter", "kinder"):
        gate = shop.desk.checkpoint(run)
        drafts.append(gate.output.output)
        choose(shop.desk, gate, "needs_revision", words)
    last = shop.desk.checkpoint(run)
    choose(shop.desk, last, "approved", "good")

    assert drafts == ["# On bees", "# On bees\n(v1: shorter)"]
    assert last.output.output == "# On bees\n(v1: shorter)\n(v2: kinder)"
    told = result(shop.desk, run)
    assert told.startswith("published ")
    assert told.endswith(
        "after ['needs_revision: shorter', 'needs_revision: kinder', 'approved: good']"
    )


def test_several_gates_are_asked_one_after_the_other_and_all_are_remembered(shop: Shop) -> None:
    run = shop.desk.start(published("LegalThenEditor"), "it")
    legal = shop.desk.checkpoint(run)
    choose(shop.desk, legal, "legal_ok", "fine by law")
    editor = shop.desk.checkpoint(run)
    shop.desk.decide(editor, Action.REVISE, "mind the commas")

    assert (legal.description, legal.outcomes) == (
        "Legal: is this allowed?",
        ("legal_ok", "legal_no"),
    )
    assert (editor.description, editor.outcomes) == ("Editor: any last words?", ())
    seen = "A claim. (legal said 'fine by law')"
    assert editor.output.output == seen
    assert json.loads(result(shop.desk, run)) == [
        ["legal", "legal_ok", "fine by law", "A claim."],
        ["editor", None, "mind the commas", seen],
    ]
