"""The memory of a child counts with that of all it started."""

from __future__ import annotations

import os
import subprocess
import sys

from crew_runner.host.memory_usage import memory_megabytes

_HOLDS_50_MEGABYTES = """
import time
held = bytearray(b"x") * (50 * 1024 * 1024)
print("ready", flush=True)
time.sleep(600)
"""


def test_what_a_child_started_counts_too() -> None:
    before = memory_megabytes(os.getpid())
    command = [sys.executable, "-c", _HOLDS_50_MEGABYTES]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        alone, together = memory_megabytes(child.pid), memory_megabytes(os.getpid())

        child.kill()
    assert 50 <= alone < 150
    assert together >= before + 45


def test_a_process_that_has_ended_holds_none() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()

    assert memory_megabytes(ended.pid) == 0
