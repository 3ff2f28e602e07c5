"""The contract of every queue engine, whatever happens to its messages."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from sqlalchemy import Connection

from crew_runner.queues.port import Queue
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.ports import NoSignal
from storage.records import Action, Request
from storage.state_manager import StateManager
from storage.states import ExecutionState, PhaseRunState
from tests.crew_runner.harness import ANYBODY
from tests.crew_runner.queues.conftest import QueueHarness, Workers
from tests.crew_runner.queues.transports import Transport
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow


def test_one_of_several_workers_runs_each_phase_and_a_decision_starts_the_next(
    harness: QueueHarness, workers: Workers
) -> None:
    workers.two()
    crew = harness.program("plan", "write", gates=("plan",))
    started = {f"s{number}": harness.start(crew, f"s{number}") for number in range(8)}
    for execution in started.values():
        harness.decide(harness.checkpoint(execution), Action.CONTINUE)

    for subject, execution in started.items():
        assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
        assert harness.phases_started(subject) == ["plan", "write"]
        assert [run.fence for run in harness.runs(execution)] == [1, 1]


@pytest.mark.usefixtures("ticking")
def test_the_phase_of_a_killed_worker_is_taken_by_another(
    harness: QueueHarness, workers: Workers
) -> None:
    workers.two()
    execution = harness.start(harness.program(), "wait")
    holder = harness.running(execution, "wait")
    holder.kill()
    heir = harness.running(execution, "wait", fence=2)
    (harness.folder / "go").touch()

    assert heir.pid != holder.pid
    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    assert [run.fence for run in harness.runs(execution)] == [2]


@pytest.mark.usefixtures("ticking")
def test_a_worker_suspended_past_its_lease_is_refused_and_keeps_working(
    harness: QueueHarness, workers: Workers
) -> None:
    workers.two()
    execution = harness.start(harness.program(), "wait")
    late = harness.running(execution, "wait")
    late.suspend()
    harness.running(execution, "wait", fence=2)
    late.resume()
    (harness.folder / "go").touch()
    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    [run] = harness.runs(execution)
    assert (run.state, run.fence) == (PhaseRunState.DONE, 2)

    for other in workers.two():
        if other.pid != late.pid:
            other.kill()
            other.wait()
    again = harness.start(harness.program(), "quick")
    assert harness.ended(again).state is ExecutionState.COMPLETED, workers.logs()


def test_a_message_that_comes_again_runs_nothing_again(
    harness: QueueHarness, workers: Workers, transported: Transport
) -> None:
    workers.two()
    execution = harness.start(harness.program(), "wait")
    harness.running(execution, "wait")
    [run] = harness.runs(execution)
    for _ in range(3):
        transported.deliver(run.id)
    wait_until(lambda: not transported.waiting(), within=20, what="the repeated ones are taken")
    (harness.folder / "go").touch()
    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    transported.deliver(run.id)
    transported.deliver("00000000-0000-0000-0000-000000000000")
    after = harness.start(harness.program(), "after")

    assert harness.ended(after).state is ExecutionState.COMPLETED, workers.logs()
    wait_until(lambda: not transported.waiting(), within=20, what="the last ones are taken")
    assert harness.phases_started("wait") == ["run"]
    assert [each.fence for each in harness.runs(execution)] == [1]


class Undone:
    """A Dispatch that makes the transaction fail after each enqueue."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def enqueue(self, connection: Connection, phase_run_id: str, /, **how: object) -> None:
        self._queue.enqueue(connection, phase_run_id, **how)  # type: ignore[arg-type]  # by name
        raise ZeroDivisionError

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str], /) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        raise AssertionError(f"{phase_run_id} was reported as committed")

    def reserve_slot(self) -> None:
        """There is no worker in this process."""


def test_a_rolled_back_transaction_leaves_no_message(
    harness: QueueHarness, workers: Workers, transported: Transport
) -> None:
    workers.none()
    transported.lose()
    undone = StateManager(
        open_engine(harness.url),
        clock=SystemClock(),
        dispatch=Undone(transported.queue()),
        signal=NoSignal(),
    )
    with pytest.raises(ZeroDivisionError):
        undone.start_execution(
            definition=harness.program(), request=Request("undone"), requester=ANYBODY
        )

    assert transported.waiting() == []
    assert not harness.reads.anything_due()


def test_a_lost_message_is_resent_once_by_the_recovery_tick(
    harness: QueueHarness, workers: Workers, transported: Transport
) -> None:
    workers.none()
    execution = harness.start(harness.program(), "lost")
    transported.lose()
    workers.start()
    for _ in range(3):
        harness.state.recover()

    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    assert harness.phases_started("lost") == ["run"]


def test_a_stopping_worker_returns_its_phase_and_another_takes_it_at_once(
    harness: QueueHarness, workers: Workers
) -> None:
    first, second = workers.two()
    execution = harness.start(harness.program(), "wait")
    holder = harness.running(execution, "wait")
    leaving = first if holder.pid == first.pid else second
    leaving.terminate()
    assert leaving.wait(timeout=20) == 0, workers.logs()
    heir = harness.running(execution, "wait", fence=2)
    (harness.folder / "go").touch()

    assert heir.pid not in (leaving.pid, holder.pid)
    assert harness.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
