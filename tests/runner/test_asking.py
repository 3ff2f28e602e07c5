"""Calls of tools that wait for a person, with whatever agent makes them and however it does."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from storage.definitions import CrewDefinition
from storage.records import Action, Checkpoint, CheckpointKind
from storage.states import ExecutionState
from tests.runner.conftest import Shop
from tests.runner.desk import RULE, crew
from tests.support.processes import wait_until


def asking(name: str, **more: object) -> CrewDefinition:
    entry = replace(crew(name), target=f"tests.runner.asking:{name}", rule=RULE)
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


WAYS = ["in_text", "natively", "delegated", "PaysInside"]


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
