"""What runs used: kept whatever became of them, and held against the budget."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from storage.definitions import Budget, CheckpointDefinition, CrewDefinition
from storage.reads import Reads
from storage.records import Action, CheckpointKind, Claim, Decision, Failure, PhaseOutput, Question
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, SettableClock, crew, output, rule

HUNDRED = {"gpt": {"calls": 1, "prompt_tokens": 90, "completion_tokens": 10}}
THOUSAND = {"gpt": {"calls": 4, "prompt_tokens": 900, "completion_tokens": 100}}
OVER = Question(CheckpointKind.BUDGET, "budget", "budget:0", "Go on?", "1,000 of 500 tokens")


def claimed(state: StateManager) -> Claim:
    claim = state.claim("worker")
    assert claim is not None, "no phase run was due"
    return claim


def with_budget(**changes: object) -> CrewDefinition:
    return replace(crew(), budget=Budget(tokens=500), **changes)  # type: ignore[arg-type]  # by name


def test_what_a_failed_try_used_is_not_forgotten(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start(with_budget())
    state.fail(claimed(state), Failure("the model was away"), usage=HUNDRED)
    clock.move(timedelta(minutes=5))

    claim = claimed(state)

    assert claim.spent == (HUNDRED,)
    assert [r.usage for r in reads.phase_runs(run.id)] == [HUNDRED, {}]


def test_what_a_dead_worker_had_written_down_goes_on_being_counted(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(with_budget())
    state.progress(claimed(state), {"tasks": []}, usage=HUNDRED)
    clock.move(timedelta(seconds=31))

    claim = claimed(state)

    assert claim.run.usage == HUNDRED
    assert claim.spent == ()


def test_what_a_worker_gave_back_goes_on_being_counted(run: Run, state: StateManager) -> None:
    run.start(with_budget())
    state.give_back(claimed(state), usage=HUNDRED)

    assert claimed(state).run.usage == HUNDRED


def test_a_phase_is_told_what_the_others_used_and_how_often_somebody_let_it_go_on(
    run: Run, state: StateManager
) -> None:
    run.start(with_budget())
    claim = claimed(state)
    asked = state.ask(claim, OVER)
    state.decide(Decision(asked.id, Action.CONTINUE, BEN))
    state.phase_done(claim, output("a plan"), usage=THOUSAND)
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))

    following = claimed(state)

    assert (following.spent, following.raises) == ((THOUSAND,), 1)


def test_a_question_about_the_budget_that_nobody_answered_raises_nothing(
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


def test_estimates_look_at_what_finished_runs_of_the_phase_used(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start()
    state.fail(claimed(state), Failure("away"), usage=THOUSAND)
    clock.move(timedelta(minutes=5))
    state.phase_done(claimed(state), PhaseOutput("a plan", usage=HUNDRED))

    assert reads.usage_of_phase(run.now.crew, run.now.phases[0]) == (HUNDRED,)


def test_a_question_has_a_deadline_even_where_the_crew_sets_none(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start(replace(crew(), rule=replace(rule(), timeout=None)))

    asked = state.ask(claimed(state), OVER)

    assert asked.deadline == clock.now() + timedelta(hours=1)


def test_what_pauses_inside_a_crew_is_decided_by_its_own_rule(
    run: Run, state: StateManager
) -> None:
    own = CheckpointDefinition("refund", rule("UANA"), description="Pay it back?")
    run.start(replace(crew(), rule=rule(), gates=(own,)))

    asked = state.ask(claimed(state), replace(OVER, kind=CheckpointKind.TOOL, name="refund"))

    assert asked.rule.approvers == ("UANA",)
    assert asked.description == f"Pay it back?\n{OVER.message}"
    state.decide(Decision(asked.id, Action.CONTINUE, ANA))
