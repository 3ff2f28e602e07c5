"""Tool calls that need approval, in every way that agents make them, and questions of flows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.records import TIMEOUT, Action, Checkpoint, CheckpointKind
from storage.states import CheckpointState, ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE, crew
from tests.support.processes import wait_until


def asking(name: str, **more: object) -> CrewDefinition:
    entry = replace(crew(name), target=f"tests.crew_runner.question_crews:{name}", rule=RULE)
    return replace(entry, **{"approve_tools": ("Pay back",), **more})  # type: ignore[arg-type] # by name


def paid(runner: RunnerFixture, subject: str) -> list[str]:
    record = runner.folder / f"{subject}.paid"
    return record.read_text().splitlines() if record.exists() else []


def result(runner: RunnerFixture, run: str) -> str:
    execution = runner.harness.ended(run)
    assert execution.state is ExecutionState.COMPLETED, runner.harness.story(run)
    assert execution.result is not None
    return execution.result.output


def next_question(runner: RunnerFixture, run: str, before: Checkpoint) -> Checkpoint:
    wait_until(
        lambda: (runner.harness.reads.waiting_checkpoint(run) or before).id != before.id,
        within=30,
        what="another question",
        shown=lambda: runner.harness.story(run),
    )
    return runner.harness.checkpoint(run)


def lose_workers(runner: RunnerFixture) -> None:
    """Release the leases, as after the death of the workers' process."""
    runner.harness.state.release_leases(runner.harness.reads.lease_owners())


AFTER = (CheckpointDefinition("look", RULE, after="settle"),)
WAYS = ["in_text", "natively", "delegated", "PaysInside", "PaysAlone"]


@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_shown_and_made_only_after_approval(runner: RunnerFixture, way: str) -> None:
    run = runner.harness.start(asking(way), f"yes-{way}")
    question = runner.harness.checkpoint(run)

    assert (question.kind, question.name) == (CheckpointKind.TOOL, "Pay back")
    assert question.description == "The agent clerk wants to call Pay back."
    assert json.loads(question.output.output) == {"to": f"yes-{way}", "amount": 40}
    assert paid(runner, f"yes-{way}") == []
    runner.harness.decide(question, Action.CONTINUE)
    assert "paid 40" in result(runner, run)
    assert paid(runner, f"yes-{way}") == ["40"]


@pytest.mark.parametrize("way", ["in_text", "natively"])
def test_a_refused_call_is_not_made_and_the_agent_reads_why(
    runner: RunnerFixture, way: str
) -> None:
    run = runner.harness.start(asking(way), f"no-{way}")
    runner.harness.decide(runner.harness.checkpoint(run), Action.REVISE, "forty is too much")

    assert "A person refused this call, and it was not made: forty is too much" in result(
        runner, run
    )
    assert paid(runner, f"no-{way}") == []


@pytest.mark.parametrize("way", ["in_text", "natively"])
def test_a_skipped_call_is_not_made_and_the_agent_goes_on_without(
    runner: RunnerFixture, way: str
) -> None:
    run = runner.harness.start(asking(way), f"skip-{way}")
    runner.harness.decide(runner.harness.checkpoint(run), Action.SKIP)

    assert "Go on without it" in result(runner, run)
    assert paid(runner, f"skip-{way}") == []


def test_a_refusal_is_no_answer_even_if_the_tools_result_would_be_one(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(asking("pays_at_last", approve_tools=("pay_at_last",)), "late")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.REVISE, "only 20")
    second = next_question(runner, run, first)
    assert json.loads(second.output.output)["amount"] == 20
    runner.harness.decide(second, Action.CONTINUE)

    assert result(runner, run) == "paid late 20 at last"


def test_stop_ends_the_run_and_the_call_is_never_made(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("natively"), "stopped")
    runner.harness.decide(runner.harness.checkpoint(run), Action.STOP)
    execution = runner.harness.ended(run)

    assert execution.state is ExecutionState.STOPPED
    other = runner.harness.start(asking("natively", approve_tools=()), "other")
    assert "paid 40" in result(runner, other)
    assert paid(runner, "stopped") == []


def test_a_cached_result_does_not_bypass_the_person(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("twice_alike"), "cached")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.CONTINUE)
    second = next_question(runner, run, first)
    runner.harness.decide(second, Action.REVISE, "once is enough")

    assert "once is enough" in result(runner, run)
    assert paid(runner, "cached") == ["40"]


def test_a_revision_asks_about_its_calls_as_well(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("pays_again_when_revised", checkpoints=AFTER), "revised")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.CONTINUE)
    phase_checkpoint = next_question(runner, run, first)
    assert phase_checkpoint.kind is CheckpointKind.PHASE
    runner.harness.decide(phase_checkpoint, Action.REVISE, "pay ten more")
    again = next_question(runner, run, phase_checkpoint)

    assert (again.kind, again.name) == (CheckpointKind.TOOL, "Pay back")
    assert json.loads(again.output.output)["amount"] == 10
    assert paid(runner, "revised") == ["40"]
    runner.harness.decide(again, Action.STOP)


@pytest.mark.parametrize("when", ["changes_its_mind", "changes_its_mind_late"])
def test_the_call_runs_as_it_was_shown_whatever_hooks_a_crew_has(
    runner: RunnerFixture, when: str
) -> None:
    run = runner.harness.start(asking(when), when)
    question = runner.harness.checkpoint(run)
    amount = json.loads(question.output.output)["amount"]
    runner.harness.decide(question, Action.CONTINUE)

    assert f"paid {amount}" in result(runner, run)
    assert (amount, paid(runner, when)) == (41, ["41"])


def test_invisible_characters_are_escaped(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("writes_backwards"), "hidden")
    question = runner.harness.checkpoint(run)

    assert '"note": "\\u202e04"' in question.output.output
    runner.harness.decide(question, Action.STOP)


def test_arguments_that_are_too_long_are_not_shown_to_a_person(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("writes_much"), "endless")

    assert "its arguments are too long to review" in result(runner, run)
    assert paid(runner, "endless") == []


def test_a_call_that_cannot_be_shown_to_a_person_is_never_made(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("cannot_be_shown", tries=1), "unspeakable")

    assert runner.harness.ended(run).error == (
        "A call of the tool pay_back could not be shown to a person for approval, "
        "so it was not made."
    )
    assert paid(runner, "unspeakable") == []


@pytest.mark.parametrize(
    ("name", "tools", "words"),
    [
        ("in_text", ("pay_bakc",), "that no agent of the crew has: pay_bakc. Their tools: Pay"),
        ("in_a_hurry", ("Pay back",), "The agent clerk has max_execution_time=30, which would"),
    ],
)
def test_tools_that_cannot_be_gated_are_reported_before_the_crew_runs(
    runner: RunnerFixture, name: str, tools: tuple[str, ...], words: str
) -> None:
    run = runner.harness.start(asking(name, approve_tools=tools), "refused")

    assert words in (runner.harness.ended(run).error or "")
    assert paid(runner, "refused") == []


def test_an_approval_covers_one_call_even_if_the_worker_is_lost(runner: RunnerFixture) -> None:
    run = runner.harness.start(asking("slowly"), "lost")
    question = runner.harness.checkpoint(run)
    lose_workers(runner)
    again = next_question(runner, run, question)
    assert again.description == "The agent clerk wants to call Pay back."
    runner.harness.decide(again, Action.CONTINUE)
    wait_until(lambda: paid(runner, "lost") == ["40 slowly"], within=30, what="it is paid")
    lose_workers(runner)
    once_more = next_question(runner, run, again)

    note, _, arguments = once_more.output.output.partition("\n\n")
    assert note.endswith("and may have been made already.")
    assert json.loads(arguments)["amount"] == 40
    runner.harness.decide(once_more, Action.REVISE, "it was paid")
    assert "it was paid" in result(runner, run)
    assert paid(runner, "lost") == ["40 slowly"]


def test_a_retry_asks_again_and_says_that_the_call_may_repeat(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(asking("fails_after_the_call"), "shaky")
    first = runner.harness.checkpoint(run)
    runner.harness.decide(first, Action.CONTINUE)
    again = next_question(runner, run, first)

    assert len(runner.harness.runs(run)) == 2
    assert "and may have been made already." in again.output.output
    runner.harness.decide(again, Action.SKIP)
    assert "Go on without it" in result(runner, run)
    assert paid(runner, "shaky") == ["40"]


def test_a_flow_gets_the_answers_it_asks_for_and_asks_nothing_twice(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(asking("AsksTwice", approve_tools=()), "asks")
    first = runner.harness.checkpoint(run)
    assert (first.kind, first.name) == (CheckpointKind.QUESTION, "question")
    assert first.description == "Which topic?"
    runner.harness.decide(first, Action.CONTINUE, "soap")
    second = next_question(runner, run, first)
    assert second.description == "Which tone?"
    lose_workers(runner)
    again = next_question(runner, run, second)
    assert again.description == "Which tone?"
    runner.harness.decide(again, Action.CONTINUE, "warm")

    assert result(runner, run) == "soap, warm"


def test_a_flow_waits_no_longer_than_its_timeout_and_a_skip_is_no_answer(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(asking("AsksBriefly", approve_tools=()), "brief")
    first = runner.harness.checkpoint(run)
    second = next_question(runner, run, first)
    withdrawn = runner.harness.reads.checkpoint(first.id)
    runner.harness.decide(second, Action.SKIP)

    assert (withdrawn.state, withdrawn.feedback and withdrawn.feedback.actor) == (
        CheckpointState.SKIPPED,
        TIMEOUT,
    )
    assert second.description == "Now?"
    assert result(runner, run) == "None and None"
