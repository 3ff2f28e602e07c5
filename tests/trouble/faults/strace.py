"""Makes system calls of a running process fail, by strace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.processes import wait_until

ATTACHED_WITHIN: Final = 10.0


def strace() -> str | None:
    """The path of strace, or None if it is not installed or may not trace processes."""
    program = shutil.which("strace")
    if program is None:
        return None
    trial = subprocess.run([program, "-o", os.devnull, "true"], capture_output=True, check=False)
    return program if trial.returncode == 0 else None


@contextmanager
def injected(pid: int, *injections: str, paths: Sequence[Path] = ()) -> Iterator[None]:
    """Injects faults, e.g. `fsync,fdatasync:error=EIO`, into all threads of the process and the
    processes it starts, during the block; only for files in `paths`, if there are any."""
    command = ["strace", "-f", "-qq", "-o", os.devnull, "-p", str(pid)]
    for path in paths:
        command += ["-P", str(path)]
    calls = ",".join(injection.partition(":")[0] for injection in injections)
    command += ["-e", f"trace={calls}"]
    for injection in injections:
        command += ["-e", f"inject={injection}"]
    tracer = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(
            lambda: tracer.poll() is not None or _is_traced(pid),
            within=ATTACHED_WITHIN,
            what="strace is attached",
        )
        yield
    finally:
        if tracer.poll() is None:
            tracer.send_signal(signal.SIGINT)  # it detaches from the process
        tracer.communicate(timeout=ATTACHED_WITHIN)


def _is_traced(pid: int) -> bool:
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # it has ended, and strace will end too
