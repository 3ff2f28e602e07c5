"""System calls of a process that runs made to fail, by strace."""

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
    """Where the program is, if it is there and may look at other processes."""
    found = shutil.which("strace")
    if found is None:
        return None
    tried = subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False)
    return found if tried.returncode == 0 else None


@contextmanager
def injected(pid: int, *injections: str, paths: Sequence[Path] = ()) -> Iterator[None]:
    """While this lasts, e.g. `fsync,fdatasync:error=EIO`, in all threads of the process and in
    those that it starts; only on files of these `paths`, if any are given."""
    words = ["strace", "-f", "-qq", "-o", os.devnull, "-p", str(pid)]
    for path in paths:
        words += ["-P", str(path)]
    calls = ",".join(injection.partition(":")[0] for injection in injections)
    words += ["-e", f"trace={calls}"]
    for injection in injections:
        words += ["-e", f"inject={injection}"]
    tracing = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(
            lambda: tracing.poll() is not None or _is_traced(pid),
            within=ATTACHED_WITHIN,
            what="strace is attached",
        )
        yield
    finally:
        if tracing.poll() is None:
            tracing.send_signal(signal.SIGINT)  # it lets go of what it traces
        tracing.communicate(timeout=ATTACHED_WITHIN)


def _is_traced(pid: int) -> bool:
    try:
        return "TracerPid:\t0\n" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True  # it has ended, and strace will find that out
