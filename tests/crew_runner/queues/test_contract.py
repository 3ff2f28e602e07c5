"""What holds whichever engine brings the work, and whatever becomes of its messages."""

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
from tests.crew_runner.desk import ANYBODY
from tests.crew_runner.queues.conftest import QueueDesk, Workers
from tests.crew_runner.queues.transports import Transport
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow


def test_of_several_workers_one_runs_each_phase_and_a_decision_brings_the_next(
    desk: QueueDesk, workers: Workers
) -> None:
    workers.two()
    crew = desk.program("plan", "write", gates=("plan",))
    started = {f"s{number}": desk.start(crew, f"s{number}") for number in range(8)}
    for execution in started.values():
        desk.decide(desk.checkpoint(execution), Action.CONTINUE)

    for subject, execution in started.items():
        assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
        assert desk.began(subject) == ["plan", "write"]
        assert [run.fence for run in desk.runs(execution)] == [1, 1]


@pytest.mark.usefixtures("ticking")
def test_what_a_killed_worker_held_is_taken_by_another(desk: QueueDesk, workers: Workers) -> None:
    workers.two()
    execution = desk.start(desk.program(), "wait")
    holder = desk.running(execution, "wait")
    holder.kill()
    heir = desk.running(execution, "wait", fence=2)
    (desk.folder / "go").touch()

    assert heir.pid != holder.pid
    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    assert [run.fence for run in desk.runs(execution)] == [2]


@pytest.mark.usefixtures("ticking")
def test_a_worker_that_was_stopped_past_its_lease_is_refused_and_works_on(
    desk: QueueDesk, workers: Workers
) -> None:
    workers.two()
    execution = desk.start(desk.program(), "wait")
    late = desk.running(execution, "wait")
    late.suspend()
    desk.running(execution, "wait", fence=2)
    late.resume()
    (desk.folder / "go").touch()
    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    [run] = desk.runs(execution)
    assert (run.state, run.fence) == (PhaseRunState.DONE, 2)

    for other in workers.two():
        if other.pid != late.pid:
            other.kill()
            other.wait()
    again = desk.start(desk.program(), "quick")
    assert desk.ended(again).state is ExecutionState.COMPLETED, workers.logs()


def test_a_message_that_comes_again_runs_nothing_again(
    desk: QueueDesk, workers: Workers, transported: Transport
) -> None:
    workers.two()
    execution = desk.start(desk.program(), "wait")
    desk.running(execution, "wait")
    [run] = desk.runs(execution)
    for _ in range(3):
        transported.deliver(run.id)
    wait_until(lambda: not transported.waiting(), within=20, what="the repeated ones are taken")
    (desk.folder / "go").touch()
    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    transported.deliver(run.id)
    transported.deliver("00000000-0000-0000-0000-000000000000")
    after = desk.start(desk.program(), "after")

    assert desk.ended(after).state is ExecutionState.COMPLETED, workers.logs()
    wait_until(lambda: not transported.waiting(), within=20, what="the last ones are taken")
    assert desk.began("wait") == ["run"]
    assert [each.fence for each in desk.runs(execution)] == [1]


class Undone:
    """A Dispatch after whose enqueue the transaction fails."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    def enqueue(self, connection: Connection, phase_run_id: str, /, **how: object) -> None:
        self._queue.enqueue(connection, phase_run_id, **how)  # type: ignore[arg-type]  # by name
        raise ZeroDivisionError

    def enqueue_all(self, connection: Connection, phase_run_ids: Sequence[str], /) -> None:
        for phase_run_id in phase_run_ids:
            self.enqueue(connection, phase_run_id)

    def committed(self, phase_run_id: str) -> None:
        raise AssertionError(f"{phase_run_id} was told to be committed")

    def seat(self) -> None:
        """No worker is in this process."""


def test_what_is_rolled_back_leaves_no_message(
    desk: QueueDesk, workers: Workers, transported: Transport
) -> None:
    workers.none()
    transported.lose()
    undone = StateManager(
        open_engine(desk.url),
        clock=SystemClock(),
        dispatch=Undone(transported.queue()),
        signal=NoSignal(),
    )
    with pytest.raises(ZeroDivisionError):
        undone.start_execution(
            definition=desk.program(), request=Request("undone"), requester=ANYBODY
        )

    assert transported.waiting() == []
    assert not desk.reads.anything_due()


def test_a_lost_message_is_brought_back_by_the_recovery_tick_and_once(
    desk: QueueDesk, workers: Workers, transported: Transport
) -> None:
    workers.none()
    execution = desk.start(desk.program(), "lost")
    transported.lose()
    workers.start()
    for _ in range(3):
        desk.state.recover()

    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
    assert desk.began("lost") == ["run"]


def test_a_worker_that_is_told_to_end_gives_back_what_another_takes_at_once(
    desk: QueueDesk, workers: Workers
) -> None:
    first, second = workers.two()
    execution = desk.start(desk.program(), "wait")
    holder = desk.running(execution, "wait")
    leaving = first if holder.pid == first.pid else second
    leaving.terminate()
    assert leaving.wait(timeout=20) == 0, workers.logs()
    heir = desk.running(execution, "wait", fence=2)
    (desk.folder / "go").touch()

    assert heir.pid not in (leaving.pid, holder.pid)
    assert desk.ended(execution).state is ExecutionState.COMPLETED, workers.logs()
