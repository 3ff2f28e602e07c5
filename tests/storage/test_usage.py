"""The usage of runs: sums, costs, estimates, and what counts against the budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from storage import usage
from storage.decisions import Decision
from storage.definitions import Budget, CheckpointDefinition, CrewDefinition
from storage.reads import Reads
from storage.records import (
    Action,
    CheckpointKind,
    Claim,
    Failure,
    PhaseOutput,
    PhaseRun,
    Question,
    Usage,
)
from storage.state_manager import StateManager
from storage.states import PhaseRunState
from storage.usage import Cost, Estimate
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, NOON, SettableClock, crew, output, rule

HUNDRED = {"gpt": {"calls": 1, "prompt_tokens": 90, "completion_tokens": 10}}
THOUSAND = {"gpt": {"calls": 4, "prompt_tokens": 900, "completion_tokens": 100}}
OVER = Question(CheckpointKind.BUDGET, "budget", "budget:0", "Go on?", "1,000 of 500 tokens")
MOST = 10**15
"""The largest count that is believed."""


def priced(tokens: int, microdollars: int, *, model: str = "gpt") -> Usage:
    return {model: {"calls": 1, "prompt_tokens": tokens, "microdollars": microdollars}}


def phase_run(index: int, used: Usage) -> PhaseRun:
    state = PhaseRunState.DONE
    return PhaseRun("run", "execution", "a phase", index, 1, 1, state, 1, NOON, usage=used)


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ([], {}),
        ([{}], {}),
        ([HUNDRED], HUNDRED),
        (
            [HUNDRED, THOUSAND],
            {"gpt": {"calls": 5, "prompt_tokens": 990, "completion_tokens": 110}},
        ),
        ([HUNDRED, {"own": {"calls": 1}}], {**HUNDRED, "own": {"calls": 1}}),
        ([{"gpt": {"calls": 2}}, {"gpt": {"pages": 3}}], {"gpt": {"calls": 2, "pages": 3}}),
        ([{"gpt": {"calls": 2}}, {"gpt": {"calls": -3}}], {"gpt": {"calls": 2}}),
        ([{"gpt": {"total_tokens": 10**18}}], {"gpt": {"total_tokens": MOST}}),
        ([{"gpt": {"total_tokens": MOST - 1}}], {"gpt": {"total_tokens": MOST - 1}}),
    ],
)
def test_usage_is_added_up_by_model(parts: Sequence[Usage], total: Usage) -> None:
    assert usage.total(parts) == total


@pytest.mark.parametrize(
    ("other", "unpriced_calls"),
    [
        ({"calls": 3}, 3),
        ({"calls": 1}, 1),
        ({"calls": 0}, 1),
        ({"prompt_tokens": 5}, 1),
        ({"calls": 10**18}, MOST),
        ({"calls": 3, "unpriced_calls": 2}, 2),
    ],
)
def test_if_only_some_usages_have_a_price_the_calls_of_others_count_as_unpriced(
    other: dict[str, int], unpriced_calls: int
) -> None:
    total = usage.total([priced(10, 7), {"gpt": other}])

    assert total["gpt"]["unpriced_calls"] == unpriced_calls
    assert total["gpt"]["microdollars"] == 7


def test_if_all_usages_or_none_have_a_price_no_call_counts_as_unpriced() -> None:
    all_parts = usage.total([priced(10, 7), priced(20, 8)])
    no_part = usage.total([HUNDRED, THOUSAND])

    assert "unpriced_calls" not in {**all_parts["gpt"], **no_part["gpt"]}


@pytest.mark.parametrize(
    ("used", "tokens"),
    [
        ({}, 0),
        ({"gpt": {}}, 0),
        ({"gpt": {"calls": 5}}, 0),
        ({"gpt": {"prompt_tokens": 3}}, 3),
        ({"gpt": {"completion_tokens": 4}}, 4),
        ({"gpt": {"prompt_tokens": 3, "completion_tokens": 4}}, 7),
        ({"gpt": {"total_tokens": 9}}, 9),
        ({"gpt": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9}}, 7),
        ({"gpt": {"prompt_tokens": -3, "completion_tokens": 4}}, 4),
        ({"gpt": {"prompt_tokens": 3}, "own": {"total_tokens": 9}}, 12),
        ({"own": {"total_tokens": -9}}, 0),
        ({"own": {"total_tokens": 10**18}}, MOST),
    ],
)
def test_tokens_are_those_of_prompts_and_answers_or_else_their_reported_sum(
    used: Usage, tokens: int
) -> None:
    assert usage.tokens(used) == tokens


@pytest.mark.parametrize(
    ("used", "at_least"),
    [
        ({}, False),
        (HUNDRED, False),
        ({"gpt": {"uncounted_calls": 0}}, False),
        ({"gpt": {"uncounted_calls": 1}}, True),
        ({**HUNDRED, "own": {"uncounted_calls": 2}}, True),
    ],
)
def test_usage_is_a_lower_bound_if_a_call_reported_no_tokens(used: Usage, at_least: bool) -> None:
    assert usage.is_lower_bound(used) is at_least


@pytest.mark.parametrize(
    ("used", "cost"),
    [
        ({}, Cost(None)),
        (HUNDRED, Cost(None, ("gpt",))),
        (priced(10, 7), Cost(7)),
        (priced(10, 0), Cost(0)),
        (priced(10, -7), Cost(0)),
        ({**priced(10, 7), **priced(10, 8, model="own")}, Cost(15)),
        ({**priced(10, 7), "own": {"calls": 1}}, Cost(7, ("own",))),
        ({"gpt": {"microdollars": 7, "unpriced_calls": 0}}, Cost(7)),
        ({"gpt": {"microdollars": 7, "unpriced_calls": 1}}, Cost(7, ("gpt",))),
        ({"": {"calls": 1}}, Cost(None, ("unnamed",))),
    ],
)
def test_a_cost_is_the_known_part_and_names_the_models_without_a_price(
    used: Usage, cost: Cost
) -> None:
    assert usage.cost(used) == cost


def test_a_phase_used_what_all_its_tries_and_revisions_did() -> None:
    runs = [phase_run(1, THOUSAND), phase_run(0, HUNDRED), phase_run(0, HUNDRED)]

    by_phase = usage.by_phase(runs)

    assert list(by_phase) == [0, 1]
    assert by_phase == {0: usage.total([HUNDRED, HUNDRED]), 1: THOUSAND}


@pytest.mark.parametrize("earlier", [[], [{}], [{"gpt": {"calls": 1}}]])
def test_without_earlier_runs_that_reported_tokens_there_is_no_estimate(
    earlier: Sequence[Usage],
) -> None:
    assert usage.estimate(earlier) is None


@pytest.mark.parametrize(
    ("earlier", "estimate"),
    [
        ([priced(1, 0)], Estimate(1, 0)),
        ([priced(10, 5), priced(500, 60), priced(20, 7)], Estimate(20, 7)),
        ([priced(10, 5), priced(20, 7)], Estimate(20, 7)),
        ([{}, priced(10, 5)], Estimate(10, 5)),
        ([priced(10, 5), {"own": {"total_tokens": 9_000}}], Estimate(10, 5)),
        ([priced(10, 5), {**priced(90, 9), **priced(90, 9, model="own")}], Estimate(10, 5)),
        ([HUNDRED], Estimate(100, None)),
        ([priced(10, 5), HUNDRED], Estimate(100, None)),
        ([{"gpt": {"total_tokens": 8, "microdollars": 5, "unpriced_calls": 1}}], Estimate(8, None)),
    ],
)
def test_an_estimate_is_the_median_of_runs_on_the_models_of_the_newest(
    earlier: Sequence[Usage], estimate: Estimate
) -> None:
    assert usage.estimate(earlier) == estimate


def claimed(state: StateManager) -> Claim:
    claim = state.claim("worker")
    assert claim is not None, "no phase run was due"
    return claim


def with_budget(**changes: object) -> CrewDefinition:
    return replace(crew(), budget=Budget(tokens=500), **changes)  # type: ignore[arg-type]  # by name


def test_the_usage_of_a_failed_try_counts(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start(with_budget())
    state.fail(claimed(state), Failure("the model was away"), usage=HUNDRED)
    clock.move(timedelta(minutes=5))

    claim = claimed(state)

    assert claim.spent == (HUNDRED,)
    assert [r.usage for r in reads.phase_runs(run.id)] == [HUNDRED, {}]


def test_the_usage_that_a_dead_worker_stored_counts(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(with_budget())
    state.progress(claimed(state), {"tasks": []}, usage=HUNDRED)
    clock.move(timedelta(seconds=31))

    claim = claimed(state)

    assert claim.run.usage == HUNDRED
    assert claim.spent == ()


def test_the_usage_of_a_phase_given_back_counts(run: Run, state: StateManager) -> None:
    run.start(with_budget())
    state.release_claim(claimed(state), usage=HUNDRED)

    assert claimed(state).run.usage == HUNDRED


def test_a_claim_has_the_usage_of_other_phases_and_the_raises_of_the_budget(
    run: Run, state: StateManager
) -> None:
    run.start(with_budget())
    claim = claimed(state)
    question = state.ask(claim, OVER)
    state.decide(Decision(question.id, Action.CONTINUE, BEN))
    state.phase_done(claim, output("a plan"), usage=THOUSAND)
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))

    following = claimed(state)

    assert (following.spent, following.raises) == ((THOUSAND,), 1)


def test_an_unanswered_question_about_the_budget_does_not_raise_it(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(with_budget())
    state.ask(claimed(state), OVER)
    clock.move(timedelta(seconds=31))

    assert claimed(state).raises == 0


def test_without_a_budget_nothing_is_looked_up(run: Run, state: StateManager) -> None:
    run.start()
    state.phase_done(claimed(state), output("a plan"), usage=THOUSAND)
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))

    assert claimed(state).spent == ()


def test_estimates_use_only_finished_runs_of_the_phase(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start()
    state.fail(claimed(state), Failure("away"), usage=THOUSAND)
    clock.move(timedelta(minutes=5))
    state.phase_done(claimed(state), PhaseOutput("a plan", usage=HUNDRED))

    assert reads.usage_of_phase(run.now.crew, run.now.phases[0]) == (HUNDRED,)


def test_a_question_has_a_deadline_even_if_the_crew_sets_none(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(replace(crew(), rule=replace(rule(), timeout=None)))

    question = state.ask(claimed(state), OVER)

    assert question.deadline == clock.now() + timedelta(hours=1)


def test_a_checkpoint_inside_a_crew_is_decided_by_its_own_rule(
    run: Run, state: StateManager
) -> None:
    own = CheckpointDefinition("refund", rule("UANA"), description="Pay it back?")
    run.start(replace(crew(), rule=rule(), gates=(own,)))

    question = state.ask(claimed(state), replace(OVER, kind=CheckpointKind.TOOL, name="refund"))

    assert question.rule.approvers == ("UANA",)
    assert question.description == f"Pay it back?\n{OVER.message}"
    state.decide(Decision(question.id, Action.CONTINUE, ANA))
