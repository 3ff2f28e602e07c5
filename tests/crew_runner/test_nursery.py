"""The process that children are forked from: clean, quick, and never left behind."""

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
from crew_runner.host.fork_server_client import ForkServerClient, ForkServerGone
from tests.support.processes import alive, wait_until

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def nursery() -> Iterator[ForkServerClient]:
    nursery = ForkServerClient(preload=False)
    yield nursery
    nursery.stop()


def test_a_child_ends_when_its_channel_is_closed(nursery: ForkServerClient) -> None:
    child = nursery.fork()
    assert child.channel.poll(60)
    assert from_child(child.channel.recv_bytes()) == Ready()
    process = psutil.Process(child.born())
    child.close()

    wait_until(lambda: not alive([process]), within=30, what="the child ends")


def test_children_end_with_the_nursery(nursery: ForkServerClient) -> None:
    child = nursery.fork()
    assert child.channel.poll(60)
    process = psutil.Process(child.born())
    nursery.stop()

    wait_until(lambda: not alive([process]), within=5, what="the child ends")
    child.close()


def test_a_stopped_nursery_forks_no_more(nursery: ForkServerClient) -> None:
    nursery.start()
    nursery.stop()

    with pytest.raises(ForkServerGone):
        nursery.fork()


def test_nothing_is_left_of_a_worker_that_dies_while_crewai_is_being_imported() -> None:
    script = (
        "from crew_runner.host.fork_server_client import Nursery; import sys\n"
        "nursery = Nursery(preload=True); nursery.start()\n"
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


def test_folders_of_dead_workers_are_swept_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left_behind = tmp_path / "countersign-jobs-of-the-dead"
    left_behind.mkdir()
    (left_behind / "output.db").touch()
    living = ForkServerClient(preload=False)
    claimed = living.storage()
    for folder in (left_behind, claimed.parent):
        os.utime(folder, (0, 0))

    other = ForkServerClient(preload=False)
    other.start()

    assert not left_behind.exists()
    assert claimed.exists()
    living.stop()
    other.stop()
    assert list(tmp_path.iterdir()) == []
