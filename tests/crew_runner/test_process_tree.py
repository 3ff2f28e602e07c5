"""The processes below a crew's, found and ended whatever they did to get away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from crew_runner.child.process import process_tree
from crew_runner.child.process.process_tree import Process, children, descendants, with_descendants
from tests.support.processes import alive, wait_until

_FAMILY = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"],
                              start_new_session=True)
print(grandchild.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A child of this process, and a grandchild in a session of its own."""
    with subprocess.Popen([sys.executable, "-c", _FAMILY], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        below = with_descendants(child.pid)
        yield child.pid, grandchild
        for process in below:
            process.kill()


def pids(processes: list[Process]) -> list[int]:
    return [process.pid for process in processes]


def test_descendants_are_found_in_sessions_of_their_own_too(family: tuple[int, int]) -> None:
    child, grandchild = family

    assert pids(with_descendants(child)) == [child, grandchild]
    assert pids(descendants(child)) == [grandchild]
    assert children(child) == [grandchild]


@pytest.mark.parametrize("source", ["_CHILDREN_LISTED", "_PROC"])
def test_the_same_are_found_where_the_kernel_lists_no_children_or_there_is_no_proc(
    family: tuple[int, int], monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    child, grandchild = family
    monkeypatch.setattr(process_tree, "_CHILDREN_LISTED", False)
    monkeypatch.setattr(process_tree, source, False)

    assert pids(with_descendants(child)) == [child, grandchild]


def test_a_process_is_killed_and_then_gone(family: tuple[int, int]) -> None:
    child, grandchild = family
    (process,) = descendants(child)

    process.kill()

    gone = psutil.Process(grandchild)
    wait_until(lambda: not alive([gone]), within=10, what="the end of the grandchild")
    process.kill()  # a second time does no harm
    assert alive([psutil.Process(child)])


def test_another_process_that_got_the_same_id_is_not_killed() -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bystander:
        assert bystander.stdin is not None
        assert bystander.stdout is not None
        (seen,) = with_descendants(bystander.pid)

        replace(seen, started=f"{seen.started}0").kill()

        bystander.stdin.write(b"alive\n")
        bystander.stdin.flush()
        assert bystander.stdout.readline() == b"alive\n"
        seen.kill()
        assert bystander.wait(10) == -9


def test_a_process_that_is_gone_has_nothing_below_it() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert with_descendants(ended.pid) == []
    assert children(ended.pid) == []
