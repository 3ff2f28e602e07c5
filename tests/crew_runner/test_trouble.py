"""What goes wrong while a phase runs: models, limits, people, and the crew's own processes."""

from __future__ import annotations

import time
from datetime import timedelta

import psutil

from storage.states import ExecutionState
from tests.crew_runner.conftest import Shop
from tests.crew_runner.desk import ANYBODY, crew, program, read_ids
from tests.support.processes import alive, wait_until

DRAFT = crew("default_model", {"draft": ["draft"]})
REQUESTS_A_TRY = 3
"""The OpenAI client asks again twice before it gives up."""


def test_a_failing_model_is_tried_again_after_a_pause(shop: Shop) -> None:
    shop.model.fail_next(REQUESTS_A_TRY, 500, retry_after=0.05)
    run = shop.desk.start(DRAFT, "a poster")
    execution = shop.desk.ended(run)

    first, second = shop.desk.runs(run)
    assert execution.state is ExecutionState.COMPLETED
    assert first.error == "The model is failing just now (HTTP 500)."
    assert second.attempt == 2
    assert second.started_at is not None
    assert first.ended_at is not None
    assert second.started_at - first.ended_at >= timedelta(seconds=0.1)


def test_a_model_that_fails_three_times_ends_the_run_in_words(shop: Shop) -> None:
    shop.model.fail_next(3 * REQUESTS_A_TRY, 503, retry_after=0.05)
    run = shop.desk.start(DRAFT, "a poster")
    execution = shop.desk.ended(run)

    assert execution.state is ExecutionState.ERROR
    assert execution.error == "The model is failing just now (HTTP 503)."
    assert [each.attempt for each in shop.desk.runs(run)] == [1, 2, 3]

    shop.desk.state.retry(run, actor=ANYBODY)
    assert shop.desk.ended(run).state is ExecutionState.COMPLETED


def test_a_refused_key_is_not_tried_again(shop: Shop) -> None:
    shop.model.fail_next(REQUESTS_A_TRY, 401)
    run = shop.desk.start(DRAFT, "a poster")
    execution = shop.desk.ended(run)
    shop.model.clear_faults()

    assert execution.error is not None
    assert execution.error.startswith("The model's provider refused the API key (HTTP 401). ")
    assert "choose Retry" in execution.error
    assert len(shop.desk.runs(run)) == 1


def test_a_missing_input_is_not_tried_again(shop: Shop) -> None:
    run = shop.desk.start(crew("wants_another_input", {"draft": ["draft"]}), "a poster")
    execution = shop.desk.ended(run)

    assert "need an input that it is not given" in (execution.error or "")
    assert "brand" in (execution.error or "")
    assert len(shop.desk.runs(run)) == 1


def test_a_crew_that_crashes_its_process_is_said_in_words(shop: Shop) -> None:
    run = shop.desk.start(crew("ends_the_process", {"draft": ["draft"]}, tries=1), "glass")

    assert shop.desk.ended(run).error == "The crew's process crashed (signal 11)."


def test_a_crew_that_prints_much_blocks_nothing(shop: Shop) -> None:
    run = shop.desk.start(crew("prints_much", {"draft": ["draft"]}), "noise")

    assert shop.desk.ended(run).state is ExecutionState.COMPLETED


def test_cancel_ends_a_running_phase_and_all_that_it_started_and_no_other(shop: Shop) -> None:
    go = shop.folder / "go"
    go.unlink(missing_ok=True)
    other = shop.desk.start(program(shop.folder, ["run"]), "wait")
    run, processes = _asleep(shop)
    began = time.monotonic()
    shop.desk.state.cancel(run, actor=ANYBODY)
    _wait_for_the_end_of(processes)

    assert time.monotonic() - began < 6
    assert shop.desk.reads.execution(run).state is ExecutionState.CANCELLED
    go.touch()
    assert shop.desk.ended(other).state is ExecutionState.COMPLETED


def test_a_phase_that_outlasts_its_limit_is_ended_and_said_in_words(shop: Shop) -> None:
    run, processes = _asleep(shop, time_limit=timedelta(seconds=2))
    execution = shop.desk.ended(run)
    _wait_for_the_end_of(processes)

    assert execution.error == "The phase took longer than its limit of 2 seconds."
    assert len(shop.desk.runs(run)) == 1


def test_ended_children_leave_no_zombies(shop: Shop) -> None:
    run = shop.desk.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "ink")
    shop.desk.ended(run)

    def zombies() -> list[psutil.Process]:
        below = psutil.Process().children(recursive=True)
        return [process for process in below if _status(process) == psutil.STATUS_ZOMBIE]

    wait_until(lambda: not zombies(), within=5, what="every child is reaped")


def test_a_run_leaves_nothing_in_the_temporary_directory(shop: Shop) -> None:
    # The lock of a store that crews share stays there for all of them.
    before = set((shop.folder / "temporary").iterdir())
    run = shop.desk.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "trash")

    assert shop.desk.ended(run).state is ExecutionState.COMPLETED
    assert set((shop.folder / "temporary").iterdir()) <= before


def test_another_forking_process_takes_the_place_of_one_that_died(shop: Shop) -> None:
    nursery = shop.nurseries[-1]
    nursery.kill()
    nursery.wait(20)
    run = shop.desk.start(crew("three_tasks", {"all": ["gather", "weigh", "write"]}), "salt")

    assert shop.desk.ended(run).state is ExecutionState.COMPLETED
    assert shop.nurseries[-1] is not nursery


def _asleep(shop: Shop, **more: object) -> tuple[str, list[psutil.Process]]:
    """An execution whose only task never ends, and the processes that it is made of."""
    noted = shop.folder / "sleeper.ids"
    noted.unlink(missing_ok=True)
    run = shop.desk.start(crew("sleeps", {"sleep": ["sleep"]}, **more), "beds")
    return run, [psutil.Process(pid) for pid in read_ids(noted)]


def _wait_for_the_end_of(processes: list[psutil.Process]) -> None:
    wait_until(lambda: not alive(processes), within=60, what="all of its processes have ended")


def _status(process: psutil.Process) -> str:
    try:
        return process.status()
    except psutil.NoSuchProcess:
        return psutil.STATUS_DEAD
