"""The launchpad: a process that has imported the bot once, and forks one for whoever asks.

    python -m tests.support.crash

Reads a request a line, a JSON object {"arguments", "environment", "folder", "log", "points"}, and
answers with the process id. The forked process is a session of its own and runs `python -m bot
ARGUMENTS` in the folder, with the points of `tests.support.points` around it if those are wanted.
When stdin ends, the launchpad kills what it forked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import bot.serving  # noqa: F401  # once, and not in each that is forked
from bot import cli
from bot.slack.app import SlackFront
from bot.slack.delivery import Tempo
from tests.support import points

BRISK = Tempo(
    posts_per_second=50,
    root_pause=timedelta(milliseconds=100),
    settle=timedelta(seconds=1),
    look_again=timedelta(seconds=3),
)
"""Slack's own pace would make each run of a test a matter of ten seconds."""


def main() -> None:
    if threading.active_count() != 1:
        raise RuntimeError("a process with several threads must not be forked")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    forked: list[int] = []
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _become(request)
        forked.append(pid)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
    for pid in forked:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _become(request: dict[str, Any]) -> NoReturn:
    """Turn this fork into what `python -m bot` would be in that folder and environment."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        folder = Path(request["folder"])
        os.chdir(folder)
        log = os.open(request["log"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])
        if request["points"]:
            points.install(folder)
        (SlackFront.__init__.__kwdefaults__ or {})["tempo"] = BRISK
        code = cli.main(request["arguments"])
    except BaseException:  # noqa: BLE001  # the last line of the process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
