"""Runs a module as `python -m` does, and stops it when the parent process has ended.

`python -P parent_watch.py FD MODULE ARGUMENTS…`: FD is the read end of a pipe. Only the parent has
the write end, so the pipe closes when the parent ends for any reason. -P keeps the working
directory out of the module search path: a project in it may have a `bot` of its own. So may one on
PYTHONPATH, which is for crews.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
GRACE_SECONDS: Final = 20.0


def watch(fd: int) -> None:
    """Send this process SIGTERM when the pipe closes, and exit after GRACE_SECONDS."""
    threading.Thread(target=_watch, args=(fd,), name="parent-watch", daemon=True).start()


def _watch(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
    del sys.argv[:2]
    if str(ROOT) not in sys.path:  # a checkout that is not installed
        sys.path.insert(0, str(ROOT))
    from countersign_command import ignore_python_path

    ignore_python_path()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
