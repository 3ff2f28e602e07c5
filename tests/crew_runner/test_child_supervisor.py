"""Failures while a phase runs: models, limits, cancellation and the crew's own processes."""

from __future__ import annotations

import time
from datetime import timedelta

import psutil

from storage.states import ExecutionState
from tests.crew_runner.conftest import RunnerFixture
from tests.crew_runner.harness import ANYBODY, crew, program, read_ids
from tests.support.processes import alive, wait_until

DRAFT = crew("default_model", {"draft": ["draft"]})
REQUESTS_A_TRY = 3
"""The OpenAI client retries twice before it gives up."""


def test_a_failing_model_is_tried_again_after_a_pause(runner: RunnerFixture) -> None:
    runner.model.fail_next(REQUESTS_A_TRY, 500, retry_after=0.05)
    run = runner.harness.start(DRAFT, "a poster")
    execution = runner.harness.ended(run)

    first, second = runner.harness.runs(run)
    assert execution.state is ExecutionState.COMPLETED
    assert first.error == "The model's provider failed (HTTP 500). Try again later."
    assert second.attempt == 2
    assert second.started_at is not None
    assert first.ended_at is not None
    assert second.started_at - first.ended_at >= timedelta(seconds=0.1)


def test_a_model_that_fails_three_times_ends_the_run_with_a_message(runner: RunnerFixture) -> None:
    runner.model.fail_next(3 * REQUESTS_A_TRY, 503, retry_after=0.05)
    run = runner.harness.start(DRAFT, "a poster")
    execution = runner.harness.ended(run)

    assert execution.state is ExecutionState.ERROR
    assert execution.error == "The model's provider failed (HTTP 503). Try again later."
    assert [each.attempt for each in runner.harness.runs(run)] == [1, 2, 3]

    runner.harness.state.retry(run, actor=ANYBODY)
    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_a_refused_key_is_not_tried_again(runner: RunnerFixture) -> None:
    runner.model.fail_next(REQUESTS_A_TRY, 401)
    run = runner.harness.start(DRAFT, "a poster")
    execution = runner.harness.ended(run)
    runner.model.clear_faults()

    assert execution.error is not None
    assert execution.error.startswith("The model's provider refused the API key (HTTP 401). ")
    assert "choose Retry" in execution.error
    assert len(runner.harness.runs(run)) == 1


def test_a_missing_input_is_not_tried_again(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("wants_another_input", {"draft": ["draft"]}), "a poster")
    execution = runner.harness.ended(run)

    assert execution.error is not None
    assert execution.error.startswith("The crew needs the input 'brand', which it did not get.")
    assert not execution.retry_helps
    assert len(runner.harness.runs(run)) == 1


def test_a_crew_that_crashes_its_process_fails_with_a_readable_message(
    runner: RunnerFixture,
) -> None:
    run = runner.harness.start(crew("ends_the_process", {"draft": ["draft"]}, tries=1), "glass")

    assert (
        runner.harness.ended(run).error
        == "The crew's process crashed (signal 11). The bot's log has its last output."
    )


def test_a_crew_that_prints_a_lot_blocks_nothing(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("prints_much", {"draft": ["draft"]}), "noise")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED


def test_cancel_stops_a_running_phase_with_its_processes_and_no_other(
    runner: RunnerFixture,
) -> None:
    go = runner.folder / "go"
    go.unlink(missing_ok=True)
    other = runner.harness.start(program(runner.folder, ["run"]), "wait")
    run, processes = _asleep(runner)
    began = time.monotonic()
    runner.harness.state.cancel(run, actor=ANYBODY)
    _wait_for_the_end_of(processes)

    assert time.monotonic() - began < 6
    assert runner.harness.reads.execution(run).state is ExecutionState.CANCELLED
    go.touch()
    assert runner.harness.ended(other).state is ExecutionState.COMPLETED


def test_a_phase_that_outlasts_its_limit_is_stopped_with_a_message(runner: RunnerFixture) -> None:
    run, processes = _asleep(runner, time_limit=timedelta(seconds=2))
    execution = runner.harness.ended(run)
    _wait_for_the_end_of(processes)

    assert (
        execution.error
        == "The phase took longer than its limit of 2 seconds (`time_limit` in crews.yml)."
    )
    assert len(runner.harness.runs(run)) == 1


def test_exited_children_leave_no_zombies(runner: RunnerFixture) -> None:
    run = runner.harness.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "ink")
    runner.harness.ended(run)

    def zombies() -> list[psutil.Process]:
        below = psutil.Process().children(recursive=True)
        return [process for process in below if _status(process) == psutil.STATUS_ZOMBIE]

    wait_until(lambda: not zombies(), within=5, what="every child is reaped")


def test_a_run_leaves_nothing_in_the_temporary_directory(runner: RunnerFixture) -> None:
    # The lock of a store that crews share remains there.
    before = set((runner.folder / "temporary").iterdir())
    run = runner.harness.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "trash")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert set((runner.folder / "temporary").iterdir()) <= before


def test_another_fork_server_replaces_one_that_died(runner: RunnerFixture) -> None:
    for fork_server in runner.fork_servers:
        if fork_server.poll() is None:
            fork_server.kill()
            fork_server.wait(20)
    run = runner.harness.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "salt")

    assert runner.harness.ended(run).state is ExecutionState.COMPLETED
    assert runner.fork_servers[-1].poll() is None


def _asleep(runner: RunnerFixture, **more: object) -> tuple[str, list[psutil.Process]]:
    """An execution whose only task never ends, and its processes."""
    ids_file = runner.folder / "sleeper.ids"
    ids_file.unlink(missing_ok=True)
    run = runner.harness.start(crew("sleeps", {"sleep": ["sleep"]}, **more), "beds")
    return run, [psutil.Process(pid) for pid in read_ids(ids_file)]


def _wait_for_the_end_of(processes: list[psutil.Process]) -> None:
    wait_until(lambda: not alive(processes), within=60, what="all of its processes have ended")


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD
