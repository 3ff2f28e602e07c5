"""The fork server never outlives its worker and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from crew_runner.child.messages import Ready, from_child
from crew_runner.host.fork_server_client import ForkServerClient, ForkServerUnavailable
from tests.support.processes import alive, wait_until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def fork_server() -> Iterator[ForkServerClient]:
    fork_server = ForkServerClient(preload=False)
    yield fork_server
    fork_server.stop()


def test_a_child_ends_when_its_channel_is_closed(fork_server: ForkServerClient) -> None:
    child = fork_server.fork()
    assert child.channel.poll(60)
    assert from_child(child.channel.recv_bytes()) == Ready()
    process = psutil.Process(child.read_pid())
    child.close()

    wait_until(lambda: not alive([process]), within=30, what="the child ends")


def test_children_end_with_the_fork_server(fork_server: ForkServerClient) -> None:
    child = fork_server.fork()
    assert child.channel.poll(60)
    process = psutil.Process(child.read_pid())
    fork_server.stop()

    wait_until(lambda: not alive([process]), within=5, what="the child ends")
    child.close()


def test_a_stopped_fork_server_forks_no_more(fork_server: ForkServerClient) -> None:
    fork_server.start()
    fork_server.stop()

    with pytest.raises(ForkServerUnavailable):
        fork_server.fork()


def test_a_worker_that_dies_while_crewai_is_imported_leaves_nothing_behind() -> None:
    script = (
        "from crew_runner.host.fork_server_client import ForkServerClient; import sys\n"
        "client = ForkServerClient(preload=True); client.start()\n"
        "print('started', flush=True); sys.stdin.read()"
    )
    worker = subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"started\n"
    [importing] = psutil.Process(worker.pid).children()
    wait_until(lambda: _has_begun(importing), within=60, what="the import is under way")
    worker.kill()
    worker.wait()

    wait_until(lambda: not alive([importing]), within=3, what="the importing process ends")


def _has_begun(importing: psutil.Process) -> bool:
    return any("jiter" in mapped.path for mapped in importing.memory_maps())


def test_directories_of_dead_workers_are_removed_and_those_of_live_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left_behind = tmp_path / "countersign-jobs-of-the-dead"
    left_behind.mkdir()
    (left_behind / "output.db").touch()
    living = ForkServerClient(preload=False)
    claimed = living.job_directory()
    for folder in (left_behind, claimed.parent):
        os.utime(folder, (0, 0))

    other = ForkServerClient(preload=False)
    other.start()

    assert not left_behind.exists()
    assert claimed.exists()
    living.stop()
    other.stop()
    assert list(tmp_path.iterdir()) == []
