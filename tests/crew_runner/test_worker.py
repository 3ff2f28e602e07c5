"""Worker pools that are killed or stopped, and lease owners."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from crew_runner.host import owners
from storage.decisions import Decision
from storage.records import Action
from storage.states import ExecutionState, PhaseRunState
from tests.crew_runner.harness import ANYBODY, RULE, Harness, crew, program, read_ids
from tests.support.prefork_server import Forked, PreforkServer
from tests.support.processes import ROOT, alive, clean_environment, wait_until

StartPool = Callable[..., Forked]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path / "pools.db")


@pytest.fixture
def start_pool(
    harness: Harness, tmp_path: Path, crewai_prefork_server: PreforkServer
) -> Iterator[StartPool]:
    """Starts `python -m tests.crew_runner.pool_process` on the harness's database."""
    started: list[Forked] = []

    def start(*, lease: float = 10, grace: float = 4) -> Forked:
        started.append(
            crewai_prefork_server.fork(
                [harness.url, str(lease), str(grace)],
                program="tests.crew_runner.pool_process",
                environment={**clean_environment(), "TESTS_FOLDER": str(tmp_path)},
                folder=ROOT,
                log=tmp_path / f"pool{len(started)}.log",
            )
        )
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_killed_worker_leaves_no_process_and_another_takes_over_at_once(
    harness: Harness, start_pool: StartPool, tmp_path: Path
) -> None:
    run = harness.start(program(tmp_path, ["think", "write"]), "runaway")
    first = start_pool(lease=600)
    left = _family(first, tmp_path)
    first.kill()
    first.wait()
    wait_until(lambda: not alive(left), within=5, what="nothing is left of the killed worker")
    (tmp_path / "ids").unlink()

    start_pool(lease=600)
    second = [psutil.Process(pid) for pid in read_ids(tmp_path / "ids")]

    [phase] = harness.runs(run)
    assert alive(second)
    assert phase.fence == 2
    assert phase.attempt == 1


def test_an_expired_lease_is_taken_by_another_worker(
    harness: Harness, start_pool: StartPool, tmp_path: Path
) -> None:
    run = harness.start(program(tmp_path, ["run"]), "wait")
    first = start_pool(lease=2)
    wait_until(
        lambda: harness.runs(run)[0].fence == 1, within=60, what="the first worker claims it"
    )
    start_pool(lease=2)
    with closing(sqlite3.connect(tmp_path / "pools.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")  # so that it does not stop while it has the write lock
        os.kill(first.pid, signal.SIGSTOP)
    wait_until(
        lambda: harness.runs(run)[0].fence == 2, within=60, what="the second worker takes it"
    )
    os.kill(first.pid, signal.SIGCONT)
    (tmp_path / "go").touch()

    assert harness.ended(run).state is ExecutionState.COMPLETED
    assert [each.state for each in harness.runs(run)] == [PhaseRunState.DONE]


def test_a_stopping_worker_returns_its_phase(
    harness: Harness, start_pool: StartPool, tmp_path: Path
) -> None:
    run = harness.start(program(tmp_path, ["run"]), "runaway")
    pool = start_pool(lease=600, grace=3)
    left = _family(pool, tmp_path)
    pool.terminate()

    assert pool.wait(timeout=8) == 0
    assert not alive(left)
    [phase] = harness.runs(run)
    assert phase.state is PhaseRunState.QUEUED
    assert phase.lease_owner is None


def test_a_phase_that_ends_within_the_grace_period_is_recorded(
    harness: Harness, start_pool: StartPool, tmp_path: Path
) -> None:
    run = harness.start(program(tmp_path, ["run"]), "wait")
    pool = start_pool(grace=10)
    wait_until(lambda: bool(harness.runs(run)[0].progress), within=60, what="the phase is at work")
    pool.terminate()
    (tmp_path / "go").touch()

    assert pool.wait(timeout=12) == 0
    assert harness.reads.execution(run).state is ExecutionState.COMPLETED


def test_a_flow_resumes_from_its_pause_after_its_workers_were_killed(
    harness: Harness, start_pool: StartPool, tmp_path: Path
) -> None:
    target = "tests.crew_runner.flows:Lingers"
    run = harness.start(replace(crew("lingers"), target=target, rule=RULE), "kites")
    steps = tmp_path / "kites.steps"
    first = start_pool(lease=600)
    gate = harness.checkpoint(run)
    first.kill()
    second = start_pool(lease=600)
    harness.state.decide(Decision(gate.id, Action.CONTINUE, ANYBODY, "nice", outcome="yes"))
    wait_until(
        lambda: "linger" in steps.read_text(), within=60, what="the second worker resumes the flow"
    )
    second.kill()
    second.wait()
    (tmp_path / "go").touch()
    start_pool(lease=600)

    execution = harness.ended(run)
    assert execution.result is not None, harness.story(run)
    assert execution.result.output == "draft 1 about kites, nice, round 1"
    assert [(r.phase, r.attempt, r.fence) for r in harness.runs(run)] == [
        ("start", 1, 1),
        ("after gate", 1, 2),
    ]
    steps_taken = [line.split(" ", 1)[1] for line in steps.read_text().splitlines()]
    assert steps_taken == ["draft 1", "linger", "linger"]


def test_an_idle_pool_costs_almost_nothing(harness: Harness, start_pool: StartPool) -> None:
    pool = psutil.Process(start_pool().pid)
    wait_until(lambda: bool(pool.children()), within=60, what="the pool has started")
    wait_until(lambda: bool(harness.reads.crew_reports()), within=60, what="the crews were checked")
    before = sum(pool.cpu_times()[:2])
    with pytest.raises(psutil.TimeoutExpired):
        pool.wait(timeout=3)

    assert sum(pool.cpu_times()[:2]) - before < 0.15


def test_an_owner_is_dead_if_its_process_has_exited_or_another_has_its_id() -> None:
    here = owners.this_process()
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert not owners.is_dead(str(here))
    assert owners.is_dead(str(owners.Owner(here.host, ended.pid, here.started)))
    assert owners.is_dead(str(owners.Owner(here.host, here.pid, here.started - 60)))


def test_an_owner_on_another_host_or_with_an_unreadable_name_is_not_dead() -> None:
    here = owners.this_process()

    assert not owners.is_dead(str(owners.Owner("another-boot", 2**22 - 1, here.started)))
    assert not owners.is_dead("worker-7")


def _family(pool: Forked, folder: Path) -> list[psutil.Process]:
    """The pool's processes, once its phase is running."""
    program_and_helper = [psutil.Process(pid) for pid in read_ids(folder / "ids")]
    below = psutil.Process(pool.pid).children(recursive=True)
    assert {each.pid for each in program_and_helper} <= {each.pid for each in below}
    return below
