"""What waits for people over all channels, what they asked for, and what was decided lately."""

from __future__ import annotations

from datetime import timedelta

from storage.decisions import Decision
from storage.reads import Reads
from storage.records import Action
from storage.state_manager import StateManager
from tests.storage.conftest import Run
from tests.support.factories import ANA, BEN, crew, rule


def test_the_nearest_deadline_is_first_and_no_deadline_last(run: Run, reads: Reads) -> None:
    for timeout in (None, timedelta(hours=3), timedelta(hours=1)):
        run.start(crew(decided_by=rule(timeout=timeout)))
        run.work()

    waiting = reads.waiting(limit=10)
    assert [each.rule.timeout for each in waiting] == [
        timedelta(hours=1),
        timedelta(hours=3),
        None,
    ]
    assert [each.rule.timeout for each in reads.waiting(limit=2)] == [
        timedelta(hours=1),
        timedelta(hours=3),
    ]
    shown = reads.entries([each.checkpoint_id for each in waiting])
    assert [each.checkpoint.id for each in shown] == [each.checkpoint_id for each in waiting]
    assert shown[0].checkpoint.output.output
    assert shown[0].execution.crew == "plan"
    assert shown[0].permalink is None


def test_what_is_decided_no_longer_waits_and_names_who_decided(
    run: Run, reads: Reads, state: StateManager
) -> None:
    run.start()
    run.work()
    state.decide(Decision(run.waiting.id, Action.CONTINUE, BEN))

    assert reads.waiting(limit=10) == ()
    (decided,) = reads.decided(limit=10)
    assert decided.decided_by == BEN


def test_what_was_cancelled_neither_waits_nor_counts_as_decided(
    run: Run, reads: Reads, state: StateManager
) -> None:
    execution = run.start()
    run.work()
    state.cancel(execution.id, actor=ANA)

    assert reads.waiting(limit=10) == ()
    assert reads.decided(limit=10) == ()


def test_runs_are_those_of_one_requester_newest_first(run: Run, reads: Reads) -> None:
    first, second = run.start(), run.start()

    runs = reads.runs_of(first.requester, limit=10)
    assert {each.id for each, _link in runs} == {first.id, second.id}
    assert reads.runs_of(BEN, limit=10) == ()
    assert len(reads.runs_of(first.requester, limit=1)) == 1
