"""Budgets and limits of running phases, and the end of runaway processes."""

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
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import RULE, crew, program
from tests.crew_runner.test_questions import asking, next_question
from tests.support.processes import alive, wait_until


def bounded(name: str, **more: object) -> CrewDefinition:
    one_phase = {"all": ["one", "two", "three"]} if name == "three_calls" else None
    entry = replace(
        crew(name, one_phase), target=f"tests.crew_runner.limit_crews:{name}", rule=RULE
    )
    return replace(entry, **more)  # type: ignore[arg-type] # by name


def failed(runner: RunnerFixture, run: str) -> Execution:
    """Wait for an error without a retry."""
    execution = runner.harness.ended(run)
    assert execution.state is ExecutionState.ERROR, runner.harness.story(run)
    assert len(runner.harness.runs(run)) == 1
    return execution


def test_a_run_over_its_budget_asks_before_its_next_model_call(runner: RunnerFixture) -> None:
    run = runner.harness.start(bounded("three_calls", budget=Budget(tokens=50)), "kites")
    first = runner.harness.checkpoint(run)

    assert (first.kind, first.name) == (CheckpointKind.BUDGET, "budget")
    assert first.description == ("The budget is used up. May the run go on, and use as much again?")
    assert " tokens were used; 50 are allowed so far." in first.output.output
    assert "- offline-drafter: 1 call, " in first.output.output
    runner.harness.decide(first, Action.CONTINUE)
    second = next_question(runner, run, first)
    assert "- offline-drafter: 2 calls, " in second.output.output
    runner.harness.decide(second, Action.STOP)
    assert runner.harness.ended(run).state is ExecutionState.STOPPED


def test_a_budget_in_dollars_names_the_unknown_price_and_asks_once(
    runner: RunnerFixture,
) -> None:
    definition = bounded("of_unknown_price", budget=Budget(dollars=5.0))
    run = runner.harness.start(definition, "plums")
    question = runner.harness.checkpoint(run)

    assert question.description.startswith(
        "The price of of-nobody is not known, so the budget in dollars"
    )
    assert "$0.00 were spent, and what has no known price; $5.00 are" in question.output.output
    runner.harness.decide(question, Action.CONTINUE)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_a_program_over_its_budget_asks_before_its_next_phase(runner: RunnerFixture) -> None:
    entry = replace(program(runner.folder, ["think", "write"]), rule=RULE, budget=Budget(tokens=10))
    run = runner.harness.start(entry, "quick")
    question = runner.harness.checkpoint(run)

    assert (question.kind, question.phase) == (CheckpointKind.BUDGET, "write")
    assert "12 tokens were used; 10 are allowed so far." in question.output.output
    runner.harness.decide(question, Action.CONTINUE)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_each_approval_allows_one_more_budget() -> None:
    def used(tokens: int, microdollars: int) -> dict[str, dict[str, int]]:
        return {"m": {"calls": 1, "prompt_tokens": tokens, "microdollars": microdollars}}

    fresh = Allowance.of(child.Budget(tokens=100, dollars=0.5), spent={}, raises=0)
    assert fresh.question(used(99, 499_999)) is None
    for over in (used(100, 0), used(0, 500_000)):
        question = fresh.question(over)
        assert question is not None
        assert question.key == "budget:0"
        assert fresh.granted(over).question(over) is None
    assert fresh.granted(used(150, 0)).question(used(200, 0)) is not None
    assert fresh.granted(used(900, 0)).question(used(999, 0)) is None
    later = Allowance.of(child.Budget(tokens=100), spent=used(150, 0), raises=1)
    assert later.question(used(199, 0)) is None
    assert later.question(used(200, 0)) is not None


def test_an_approval_of_an_unknown_price_raises_no_limit() -> None:
    spent = {"odd": {"calls": 1, "prompt_tokens": 10}}
    fresh = Allowance.of(child.Budget(dollars=1.0), spent={}, raises=0)
    question = fresh.question(spent)
    assert question is not None
    assert question.key.startswith("price:")
    over = {**spent, "m": {"calls": 1, "prompt_tokens": 9, "microdollars": 1_000_000}}
    for allowed in (
        fresh.granted(spent),
        Allowance.of(child.Budget(dollars=1.0), spent=spent, raises=1),
    ):
        assert allowed.question(spent) is None
        question = allowed.question(over)
        assert question is not None
        assert question.key == "budget:1"


@pytest.mark.parametrize("name", ["three_calls", "CallsDirectly"])
def test_model_calls_beyond_the_limit_are_not_made(runner: RunnerFixture, name: str) -> None:
    run = runner.harness.start(bounded(name, limits=Limits(model_calls=2)), "tea")

    words = "The phase needed more model calls than its limit of 2 (`model_calls` in crews.yml)."
    assert failed(runner, run).error == words
    assert sum(c["calls"] for c in runner.harness.runs(run)[0].usage.values()) == 2


def test_output_above_the_limit_is_not_stored(runner: RunnerFixture) -> None:
    run = runner.harness.start(bounded("talks_much", limits=Limits(output_bytes=1000)), "soap")

    assert failed(runner, run).error == (
        "The phase returned 1,200 bytes, more than its limit of 1,000 "
        "(`output_bytes` in crews.yml)."
    )
    assert runner.harness.runs(run)[0].output is None


@pytest.mark.parametrize(
    ("name", "bounds", "words"),
    [
        (
            "runs_away",
            {"time_limit": timedelta(seconds=4)},
            "The phase took longer than its limit of 4 seconds (`time_limit` in crews.yml).",
        ),
        (
            "eats_memory",
            {"limits": Limits(memory_megabytes=300)},
            "MB of memory, more than its limit of 300 MB (`memory_megabytes` in crews.yml).",
        ),
    ],
)
def test_a_runaway_is_dead_within_ten_seconds_of_its_limit_and_leaves_nothing(
    runner: RunnerFixture, name: str, bounds: dict[str, object], words: str
) -> None:
    beside = runner.harness.start(asking("in_text"), f"beside-{name}")
    question = runner.harness.checkpoint(beside)
    run = runner.harness.start(bounded(name, **bounds), "rope")
    pids = runner.folder / f"runaway-{name == 'eats_memory'}.pids"
    wait_until(
        lambda: pids.exists() and len(pids.read_text().split()) > 6,
        within=60,
        what="it runs away",
        shown=lambda: runner.harness.story(run),
    )
    execution = failed(runner, run)
    ended = time.monotonic()
    wait_until(
        lambda: not _left(pids.read_text()),
        within=5,
        what="nothing is left of it",
        shown=lambda: str(_left(pids.read_text())),
    )

    assert words in (execution.error or "")
    assert time.monotonic() - ended < 5
    assert runner.harness.reads.checkpoint(question.id).feedback is None
    runner.harness.decide(question, Action.STOP)


def _left(pids_text: str) -> list[psutil.Process]:
    pids = {int(pid) for pid in pids_text.split()}
    return alive([process for process in psutil.process_iter() if process.pid in pids])
