"""Runs a module of ours as `python -m` would, and ends it when its starter is gone.

`python -P lifeline.py FD MODULE ARGUMENTS…`: FD is the reading end of a pipe whose other end only
the starter holds, so the pipe ends when the starter does, by whatever cause. With -P the working
directory is not searched for modules: a project in it may have a `bot` of its own.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
GRACE_SECONDS: Final = 20.0


def watch(fd: int) -> None:
    """From now on the end of the pipe ends this process: SIGTERM, and after a grace at once."""
    threading.Thread(target=_wait_for_end, args=(fd,), name="lifeline", daemon=True).start()


def _wait_for_end(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    watch(int(sys.argv[1]))
    del sys.argv[:2]
    if str(ROOT) not in sys.path:  # in a checkout that is not installed
        sys.path.insert(0, str(ROOT))
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
