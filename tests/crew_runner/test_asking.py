"""Calls of tools that wait for a person, however agents make them, and questions of flows."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.definitions import CheckpointDefinition, CrewDefinition
from storage.records import TIMEOUT, Action, Checkpoint, CheckpointKind
from storage.states import CheckpointState, ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import RULE, crew
from tests.support.processes import wait_until


def asking(name: str, **more: object) -> CrewDefinition:
    entry = replace(crew(name), target=f"tests.crew_runner.asking:{name}", rule=RULE)
    return replace(entry, **{"approve_tools": ("Pay back",), **more})  # type: ignore[arg-type] # by name


def paid(shop: Shop, subject: str) -> list[str]:
    record = shop.folder / f"{subject}.paid"
    return record.read_text().splitlines() if record.exists() else []


def result(shop: Shop, run: str) -> str:
    execution = shop.desk.ended(run)
    assert execution.state is ExecutionState.COMPLETED, shop.desk.story(run)
    assert execution.result is not None
    return execution.result.output


def next_question(shop: Shop, run: str, before: Checkpoint) -> Checkpoint:
    wait_until(
        lambda: (shop.desk.reads.waiting_checkpoint(run) or before).id != before.id,
        within=30,
        what="another question",
        shown=lambda: shop.desk.story(run),
    )
    return shop.desk.checkpoint(run)


def lose_workers(shop: Shop) -> None:
    """As if the process had died that holds the leases: they are free for the next."""
    shop.desk.state.release_leases(shop.desk.reads.lease_owners())


AFTER = (CheckpointDefinition("look", RULE, after="settle"),)
WAYS = ["in_text", "natively", "delegated", "PaysInside", "PaysAlone"]


@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_shown_and_made_only_after_a_yes(shop: Shop, way: str) -> None:
    run = shop.desk.start(asking(way), f"yes-{way}")
    asked = shop.desk.checkpoint(run)

    assert (asked.kind, asked.name) == (CheckpointKind.TOOL, "Pay back")
    assert asked.description == "The agent clerk wants to call Pay back."
    assert json.loads(asked.output.output) == {"to": f"yes-{way}", "amount": 40}
    assert paid(shop, f"yes-{way}") == []
    shop.desk.decide(asked, Action.CONTINUE)
    assert "paid 40" in result(shop, run)
    assert paid(shop, f"yes-{way}") == ["40"]


@pytest.mark.parametrize("way", ["in_text", "natively"])
def test_a_refused_call_is_not_made_and_the_agent_reads_why(shop: Shop, way: str) -> None:
    run = shop.desk.start(asking(way), f"no-{way}")
    shop.desk.decide(shop.desk.checkpoint(run), Action.REVISE, "forty is too much")

    assert "A person refused this call, and it was not made: forty is too much" in result(shop, run)
    assert paid(shop, f"no-{way}") == []


@pytest.mark.parametrize("way", ["in_text", "natively"])
def test_a_skipped_call_is_not_made_and_the_agent_goes_on_without(shop: Shop, way: str) -> None:
    run = shop.desk.start(asking(way), f"skip-{way}")
    shop.desk.decide(shop.desk.checkpoint(run), Action.SKIP)

    assert "Go on without it" in result(shop, run)
    assert paid(shop, f"skip-{way}") == []


def test_a_refusal_is_no_answer_even_where_the_tools_result_would_be_one(shop: Shop) -> None:
    run = shop.desk.start(asking("pays_at_last", approve_tools=("pay_at_last",)), "late")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.REVISE, "only 20")
    second = next_question(shop, run, first)
    assert json.loads(second.output.output)["amount"] == 20
    shop.desk.decide(second, Action.CONTINUE)

    assert result(shop, run) == "paid late 20 at last"


def test_stop_ends_the_run_and_the_call_is_never_made(shop: Shop) -> None:
    run = shop.desk.start(asking("natively"), "stopped")
    shop.desk.decide(shop.desk.checkpoint(run), Action.STOP)
    execution = shop.desk.ended(run)

    assert execution.state is ExecutionState.STOPPED
    other = shop.desk.start(asking("natively", approve_tools=()), "other")
    assert "paid 40" in result(shop, other)
    assert paid(shop, "stopped") == []


def test_a_result_from_the_cache_does_not_pass_by_the_person(shop: Shop) -> None:
    run = shop.desk.start(asking("twice_alike"), "cached")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.CONTINUE)
    second = next_question(shop, run, first)
    shop.desk.decide(second, Action.REVISE, "once is enough")

    assert "once is enough" in result(shop, run)
    assert paid(shop, "cached") == ["40"]


def test_a_revision_asks_about_its_calls_as_well(shop: Shop) -> None:
    run = shop.desk.start(asking("pays_again_when_revised", checkpoints=AFTER), "revised")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.CONTINUE)
    shown = next_question(shop, run, first)
    assert shown.kind is CheckpointKind.PHASE
    shop.desk.decide(shown, Action.REVISE, "pay ten more")
    again = next_question(shop, run, shown)

    assert (again.kind, again.name) == (CheckpointKind.TOOL, "Pay back")
    assert json.loads(again.output.output)["amount"] == 10
    assert paid(shop, "revised") == ["40"]
    shop.desk.decide(again, Action.STOP)


@pytest.mark.parametrize("when", ["changes_its_mind", "changes_its_mind_late"])
def test_what_was_shown_is_what_runs_whatever_hooks_a_crew_has(shop: Shop, when: str) -> None:
    run = shop.desk.start(asking(when), when)
    asked = shop.desk.checkpoint(run)
    amount = json.loads(asked.output.output)["amount"]
    shop.desk.decide(asked, Action.CONTINUE)

    assert f"paid {amount}" in result(shop, run)
    assert (amount, paid(shop, when)) == (41, ["41"])


def test_characters_that_nobody_sees_are_spelled_out(shop: Shop) -> None:
    run = shop.desk.start(asking("writes_backwards"), "hidden")
    asked = shop.desk.checkpoint(run)

    assert '"note": "\\u202e04"' in asked.output.output
    shop.desk.decide(asked, Action.STOP)


def test_arguments_that_nobody_could_read_are_not_put_to_a_person(shop: Shop) -> None:
    run = shop.desk.start(asking("writes_much"), "endless")

    assert "its arguments are too long to read" in result(shop, run)
    assert paid(shop, "endless") == []


def test_a_call_about_which_nobody_can_be_asked_is_never_made(shop: Shop) -> None:
    run = shop.desk.start(asking("cannot_be_shown", tries=1), "unspeakable")

    words = "A person could not be asked about a call of the tool pay_back; it was not made."
    assert shop.desk.ended(run).error == words
    assert paid(shop, "unspeakable") == []


@pytest.mark.parametrize(
    ("name", "tools", "words"),
    [
        ("in_text", ("pay_bakc",), "that no agent of the crew has: pay_bakc. Their tools: Pay"),
        ("in_a_hurry", ("Pay back",), "The agent clerk has max_execution_time=30, in which"),
    ],
)
def test_what_cannot_be_kept_is_said_before_the_crew_runs(
    shop: Shop, name: str, tools: tuple[str, ...], words: str
) -> None:
    run = shop.desk.start(asking(name, approve_tools=tools), "refused")

    assert words in (shop.desk.ended(run).error or "")
    assert paid(shop, "refused") == []


def test_a_yes_is_good_for_one_call_also_when_the_worker_is_lost(shop: Shop) -> None:
    run = shop.desk.start(asking("slowly"), "lost")
    asked = shop.desk.checkpoint(run)
    lose_workers(shop)
    again = next_question(shop, run, asked)
    assert again.description == "The agent clerk wants to call Pay back."
    shop.desk.decide(again, Action.CONTINUE)
    wait_until(lambda: paid(shop, "lost") == ["40 slowly"], within=30, what="it is paid")
    lose_workers(shop)
    once_more = next_question(shop, run, again)

    told, _, arguments = once_more.output.output.partition("\n\n")
    assert told.endswith("and may have been made already.")
    assert json.loads(arguments)["amount"] == 40
    shop.desk.decide(once_more, Action.REVISE, "it was paid")
    assert "it was paid" in result(shop, run)
    assert paid(shop, "lost") == ["40 slowly"]


def test_a_try_that_follows_a_failed_one_asks_again_and_says_that_it_may_be_twice(
    shop: Shop,
) -> None:
    run = shop.desk.start(asking("fails_after_the_call"), "shaky")
    first = shop.desk.checkpoint(run)
    shop.desk.decide(first, Action.CONTINUE)
    again = next_question(shop, run, first)

    assert len(shop.desk.runs(run)) == 2
    assert "and may have been made already." in again.output.output
    shop.desk.decide(again, Action.SKIP)
    assert "Go on without it" in result(shop, run)
    assert paid(shop, "shaky") == ["40"]


def test_a_flow_is_given_the_words_that_it_asks_for_and_asks_nothing_twice(shop: Shop) -> None:
    run = shop.desk.start(asking("AsksTwice", approve_tools=()), "asks")
    first = shop.desk.checkpoint(run)
    assert (first.kind, first.name) == (CheckpointKind.QUESTION, "question")
    assert first.description == "Which topic?"
    shop.desk.decide(first, Action.CONTINUE, "soap")
    second = next_question(shop, run, first)
    assert second.description == "Which tone?"
    lose_workers(shop)
    again = next_question(shop, run, second)
    assert again.description == "Which tone?"
    shop.desk.decide(again, Action.CONTINUE, "warm")

    assert result(shop, run) == "soap, warm"


def test_a_flow_waits_no_longer_than_it_said_and_a_skip_is_no_answer(shop: Shop) -> None:
    run = shop.desk.start(asking("AsksBriefly", approve_tools=()), "brief")
    first = shop.desk.checkpoint(run)
    second = next_question(shop, run, first)
    withdrawn = shop.desk.reads.checkpoint(first.id)
    shop.desk.decide(second, Action.SKIP)

    assert (withdrawn.state, withdrawn.feedback and withdrawn.feedback.actor) == (
        CheckpointState.SKIPPED,
        TIMEOUT,
    )
    assert second.description == "Now?"
    assert result(shop, run) == "None and None"
