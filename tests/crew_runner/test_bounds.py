"""What a running phase may use: its budget and its limits, and the end of those that run away."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import psutil
import pytest

from crew_runner.child import records as child
from crew_runner.child.monitoring.budgets import Allowance
from storage.definitions import Budget, CrewDefinition, Limits
from storage.records import Action, CheckpointKind, Execution
from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import RULE, crew, program
from tests.crew_runner.test_asking import asking, next_question
from tests.support.processes import alive, wait_until


def bounded(name: str, **more: object) -> CrewDefinition:
    one_phase = {"all": ["one", "two", "three"]} if name == "three_calls" else None
    entry = replace(crew(name, one_phase), target=f"tests.crew_runner.bounded:{name}", rule=RULE)
    return replace(entry, **more)  # type: ignore[arg-type] # by name


def failed(shop: Shop, run: str) -> Execution:
    """It ended in an error that no other try was made after."""
    execution = shop.desk.ended(run)
    assert execution.state is ExecutionState.ERROR, shop.desk.story(run)
    assert len(shop.desk.runs(run)) == 1
    return execution


def test_a_run_over_its_budget_asks_before_its_next_model_call(shop: Shop) -> None:
    run = shop.desk.start(bounded("three_calls", budget=Budget(tokens=50)), "kites")
    first = shop.desk.checkpoint(run)

    assert (first.kind, first.name) == (CheckpointKind.BUDGET, "budget")
    assert first.description == ("The budget is used up. May the run go on, and use as much again?")
    assert " tokens were used; 50 are allowed so far." in first.output.output
    assert "- offline-drafter: 1 call, " in first.output.output
    shop.desk.decide(first, Action.CONTINUE)
    second = next_question(shop, run, first)
    assert "- offline-drafter: 2 calls, " in second.output.output
    shop.desk.decide(second, Action.STOP)
    assert shop.desk.ended(run).state is ExecutionState.STOPPED


def test_a_budget_in_money_says_which_price_is_not_known_and_says_it_once(shop: Shop) -> None:
    definition = bounded("of_unknown_price", budget=Budget(dollars=5.0))
    run = shop.desk.start(definition, "plums")
    asked = shop.desk.checkpoint(run)

    assert asked.description.startswith("The price of of-nobody is not known: the budget in money")
    assert "$0.00 were spent, and what has no known price; $5.00 are" in asked.output.output
    shop.desk.decide(asked, Action.CONTINUE)
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED


def test_a_program_over_its_budget_asks_before_its_next_phase(shop: Shop) -> None:
    entry = replace(program(shop.folder, ["think", "write"]), rule=RULE, budget=Budget(tokens=10))
    run = shop.desk.start(entry, "quick")
    asked = shop.desk.checkpoint(run)

    assert (asked.kind, asked.phase) == (CheckpointKind.BUDGET, "write")
    assert "12 tokens were used; 10 are allowed so far." in asked.output.output
    shop.desk.decide(asked, Action.CONTINUE)
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED


def test_each_yes_allows_as_much_again() -> None:
    def used(tokens: int, microdollars: int) -> dict[str, dict[str, int]]:
        return {"m": {"calls": 1, "prompt_tokens": tokens, "microdollars": microdollars}}

    fresh = Allowance.of(child.Budget(tokens=100, dollars=0.5), spent={}, raises=0)
    assert fresh.question(used(99, 499_999)) is None
    for over in (used(100, 0), used(0, 500_000)):
        asked = fresh.question(over)
        assert asked is not None
        assert asked.key == "budget:0"
        assert fresh.granted(over).question(over) is None
    assert fresh.granted(used(150, 0)).question(used(200, 0)) is not None
    assert fresh.granted(used(900, 0)).question(used(999, 0)) is None
    later = Allowance.of(child.Budget(tokens=100), spent=used(150, 0), raises=1)
    assert later.question(used(199, 0)) is None
    assert later.question(used(200, 0)) is not None


def test_a_yes_to_an_unknown_price_raises_no_amount() -> None:
    spent = {"odd": {"calls": 1, "prompt_tokens": 10}}
    fresh = Allowance.of(child.Budget(dollars=1.0), spent={}, raises=0)
    asked = fresh.question(spent)
    assert asked is not None
    assert asked.key.startswith("price:")
    over = {**spent, "m": {"calls": 1, "prompt_tokens": 9, "microdollars": 1_000_000}}
    for allowed in (
        fresh.granted(spent),
        Allowance.of(child.Budget(dollars=1.0), spent=spent, raises=1),
    ):
        assert allowed.question(spent) is None
        asked = allowed.question(over)
        assert asked is not None
        assert asked.key == "budget:1"


@pytest.mark.parametrize("name", ["three_calls", "CallsDirectly"])
def test_model_calls_beyond_the_limit_are_not_made(shop: Shop, name: str) -> None:
    run = shop.desk.start(bounded(name, limits=Limits(model_calls=2)), "tea")

    words = "The phase wanted more model calls than its limit of 2."
    assert failed(shop, run).error == words
    assert sum(c["calls"] for c in shop.desk.runs(run)[0].usage.values()) == 2


def test_output_longer_than_the_limit_is_not_kept(shop: Shop) -> None:
    run = shop.desk.start(bounded("talks_much", limits=Limits(output_bytes=1000)), "soap")

    assert failed(shop, run).error == "The phase gave 1,200 bytes; its limit is 1,000."
    assert shop.desk.runs(run)[0].output is None


@pytest.mark.parametrize(
    ("name", "bounds", "words"),
    [
        (
            "runs_away",
            {"time_limit": timedelta(seconds=4)},
            "The phase took longer than its limit of 4 seconds.",
        ),
        (
            "eats_memory",
            {"limits": Limits(memory_megabytes=300)},
            "MB of memory; its limit is 300 MB.",
        ),
    ],
)
def test_a_runaway_is_dead_within_ten_seconds_of_its_limit_and_leaves_nothing(
    shop: Shop, name: str, bounds: dict[str, object], words: str
) -> None:
    beside = shop.desk.start(asking("in_text"), f"beside-{name}")
    question = shop.desk.checkpoint(beside)
    run = shop.desk.start(bounded(name, **bounds), "rope")
    pids = shop.folder / f"runaway-{name == 'eats_memory'}.pids"
    wait_until(
        lambda: pids.exists() and len(pids.read_text().split()) > 6,
        within=60,
        what="it runs away",
        shown=lambda: shop.desk.story(run),
    )
    execution = failed(shop, run)
    ended = time.monotonic()
    wait_until(
        lambda: not _left(pids.read_text()),
        within=5,
        what="nothing is left of it",
        shown=lambda: str(_left(pids.read_text())),
    )

    assert words in (execution.error or "")
    assert time.monotonic() - ended < 5
    assert shop.desk.reads.checkpoint(question.id).feedback is None
    shop.desk.decide(question, Action.STOP)


def _left(noted: str) -> list[psutil.Process]:
    pids = {int(pid) for pid in noted.split()}
    return alive([process for process in psutil.process_iter() if process.pid in pids])
