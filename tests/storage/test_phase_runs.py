"""Phase runs: lease, fence, retries, recovery."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from storage.boundaries import BadBoundary
from storage.decisions import Decision
from storage.definitions import CheckpointDefinition, CrewDefinition, CrewKind, PhaseDefinition
from storage.errors import LeaseLost
from storage.reads import Reads
from storage.records import Action, Claim, Failure, PhaseRun
from storage.state_manager import StateManager
from storage.states import ExecutionState, PhaseRunState
from storage.use_cases.phase_runs import MAX_LOSSES
from tests.storage.conftest import RecordingDispatch, Run
from tests.support.factories import ANA, SettableClock, crew, output, rule


def claimed(state: StateManager, owner: str = "worker") -> Claim:
    claim = state.claim(owner)
    assert claim is not None, "no phase run was due"
    return claim


def last_run(run: Run, reads: Reads) -> PhaseRun:
    return reads.phase_runs(run.id)[-1]


def test_a_claim_starts_the_execution_and_nobody_else_gets_the_phase(
    run: Run, state: StateManager
) -> None:
    run.start()

    claim = claimed(state)

    assert claim.run.phase == "planning"
    assert claim.execution.state is ExecutionState.RUNNING
    assert state.claim("another") is None


def test_each_phase_goes_to_exactly_one_of_many_workers(run: Run, state: StateManager) -> None:
    started = {run.start().id for _ in range(20)}

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: state.claim(f"worker {n}"), range(40)))

    claimed_ids = [c.execution.id for c in claims if c is not None]
    assert sorted(claimed_ids) == sorted(started)


def test_a_worker_that_names_a_phase_run_claims_it_once_and_only_when_it_is_due(
    run: Run, reads: Reads, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    newest = run.start()
    [newer] = reads.phase_runs(newest.id)

    claim = state.claim("worker", newer.id)
    assert claim is not None
    assert claim.execution.id == newest.id
    assert state.claim("another", newer.id) is None
    assert state.claim("another", "no such run") is None

    state.fail(claim, Failure("no luck"))
    [_, again] = reads.phase_runs(newest.id)
    assert state.claim("worker", newer.id) is None
    assert state.claim("worker", again.id) is None
    clock.move(timedelta(seconds=3))
    assert state.claim("worker", again.id) is not None


def test_one_of_many_workers_that_name_the_same_phase_run_claims_it(
    run: Run, reads: Reads, state: StateManager
) -> None:
    run.start()
    [queued] = reads.phase_runs(run.id)

    with ThreadPoolExecutor(8) as pool:
        claims = list(pool.map(lambda n: state.claim(f"worker {n}", queued.id), range(16)))

    assert sum(claim is not None for claim in claims) == 1


def test_dispatch_gets_new_runs_and_those_it_may_know_marked_as_again(
    run: Run, reads: Reads, state: StateManager, dispatch: RecordingDispatch
) -> None:
    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.CONTINUE, ANA))
    started, decided = reads.phase_runs(run.id)
    assert dispatch.options[started.id] == {"not_before": None, "again": False}
    assert dispatch.options[decided.id] == {"not_before": None, "again": False}

    state.release_claim(claimed(state))
    assert dispatch.options[decided.id] == {"not_before": None, "again": True}


def test_an_expired_lease_is_claimed_and_the_late_worker_writes_nothing(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    late = claimed(state, "late")
    clock.move(timedelta(seconds=31))

    quick = claimed(state, "quick")

    assert quick.run.id == late.run.id
    assert quick.fence == late.fence + 1
    for write in (
        lambda: state.heartbeat(late),
        lambda: state.progress(late, {}),
        lambda: state.release_claim(late),
        lambda: state.fail(late, Failure("late")),
        lambda: state.phase_done(late, output("late")),
    ):
        with pytest.raises(LeaseLost):
            write()
    state.phase_done(quick, output("in time"))
    assert run.waiting.output.output == "in time"


def test_a_worker_that_takes_over_a_phase_gets_the_earlier_outputs(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    run.work("the plan")
    state.decide(Decision(run.waiting.id, Action.REVISE, ANA, "shorter"))
    run.work("a shorter plan")
    state.decide(Decision(run.waiting.id, Action.CONTINUE, ANA))
    died = claimed(state, "the one that dies")
    clock.move(timedelta(seconds=31))

    following = claimed(state, "the one that takes over")

    assert following.run.phase == died.run.phase == "analysis"
    assert following.done == died.done == (("planning", output("a shorter plan")),)


def test_heartbeats_keep_the_lease(run: Run, state: StateManager, clock: SettableClock) -> None:
    run.start()
    claim = claimed(state)

    for _ in range(5):
        clock.move(timedelta(seconds=20))
        claim = state.heartbeat(claim)
        assert state.claim("another") is None


def test_a_phase_given_back_is_due_at_once(
    run: Run, state: StateManager, dispatch: RecordingDispatch
) -> None:
    run.start()
    first = claimed(state)

    state.release_claim(first)

    assert dispatch.woken == [first.run.id, first.run.id]
    assert claimed(state, "another").run.id == first.run.id


def test_a_failing_phase_is_retried_after_growing_pauses_and_then_is_an_error(
    run: Run, state: StateManager, reads: Reads, clock: SettableClock
) -> None:
    run.start(crew(tries=3))
    for pause in (timedelta(seconds=2), timedelta(seconds=4)):
        state.fail(claimed(state), Failure("The model did not answer."))
        assert state.claim("too early") is None
        clock.move(pause)

    last = claimed(state)
    failed = state.fail(last, Failure("The model did not answer."))

    assert last.run.attempt == 3
    assert failed.state is ExecutionState.ERROR
    assert failed.error == "The model did not answer."
    assert [r.state for r in reads.phase_runs(run.id)] == [PhaseRunState.FAILED] * 3


def test_a_failure_that_a_retry_cannot_fix_is_an_error_at_once(
    run: Run, state: StateManager
) -> None:
    run.start()

    failed = state.fail(claimed(state), Failure("The key was refused.", retryable=False))

    assert failed.state is ExecutionState.ERROR
    assert state.claim("worker") is None


def test_a_failure_message_with_characters_that_no_database_can_store_is_kept(
    run: Run, state: StateManager
) -> None:
    run.start()
    claim = state.claim("a")
    assert claim is not None
    state.fail(claim, Failure("it said \x00 and \udcff, loudly", retryable=False))

    assert run.now.error == "it said \ufffd and \ufffd, loudly"


def test_leases_of_dead_owners_are_released_at_once(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start()
    first = claimed(state, "host:1")
    assert reads.lease_owners() == ("host:1",)

    assert state.release_leases(["host:1", "host:9"]) == 1

    assert claimed(state, "host:2").run.id == first.run.id


def test_a_phase_that_kills_its_workers_ends_with_a_readable_error(
    run: Run, state: StateManager, clock: SettableClock
) -> None:
    run.start()
    for _ in range(MAX_LOSSES + 1):
        claimed(state)
        clock.move(timedelta(seconds=31))

    assert state.claim("the next victim") is None
    assert run.now.state is ExecutionState.ERROR
    assert "died" in (run.now.error or "")


def test_recovery_dispatches_what_is_due_again_and_nothing_else(
    run: Run, state: StateManager, dispatch: RecordingDispatch, clock: SettableClock
) -> None:
    for _ in range(3):
        run.start()
    lost, alive = claimed(state), claimed(state)
    clock.move(timedelta(seconds=20))
    state.heartbeat(alive)
    clock.move(timedelta(seconds=15))
    dispatch.woken.clear()

    assert state.recover() == 2
    assert lost.run.id in dispatch.woken
    assert alive.run.id not in dispatch.woken


def undescribed(*checkpoints: CheckpointDefinition) -> CrewDefinition:
    return CrewDefinition(
        name="own", kind=CrewKind.CREW, target="some.where:Crew", checkpoints=checkpoints
    )


def test_a_crew_that_describes_itself_gets_its_phases_before_it_runs(
    run: Run, state: StateManager, reads: Reads
) -> None:
    run.start(undescribed(CheckpointDefinition("before_post", rule(), before="post")))
    claim = claimed(state)

    claim = state.record_phases(claim, ["write", "post"])
    state.phase_done(claim, output("written"))

    assert claim.run.phase == "write"
    assert run.now.phases == ("write", "post")
    assert run.waiting.name == "before_post"
    assert run.waiting.phase == "write"
    assert last_run(run, reads).state is PhaseRunState.DONE


def test_checkpoints_at_tasks_become_those_of_the_phases_that_end_there(
    run: Run, state: StateManager
) -> None:
    run.start(
        undescribed(
            CheckpointDefinition("before_post", rule(), before="post"),
            CheckpointDefinition("after_post", rule(), after="post"),
        )
    )
    phases = (
        PhaseDefinition("write", ("plan", "write")),
        PhaseDefinition("post", ("post",)),
        PhaseDefinition("after post"),
    )

    claim = state.record_phases(claimed(state), phases)

    defined = claim.execution.definition
    assert defined.phases == phases
    assert [(each.name, each.after) for each in defined.checkpoints] == [
        ("before_post", "write"),
        ("after_post", "post"),
    ]


def test_a_checkpoint_at_an_unknown_phase_is_refused_before_the_crew_runs(
    run: Run, state: StateManager
) -> None:
    run.start(undescribed(CheckpointDefinition("after_lunch", rule(), after="lunch")))

    with pytest.raises(BadBoundary, match="lunch"):
        state.record_phases(claimed(state), ["write", "post"])
