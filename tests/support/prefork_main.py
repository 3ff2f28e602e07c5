"""The launchpad: a process that has imported the bot once, and forks one for whoever asks.

    python -m tests.support.prefork_main FD [crewai]

Whoever connects to the socket FD writes a request a line, a JSON object {"program", "arguments",
"environment", "folder", "log", "errors", "ended", "brisk", "points"}, and is answered with the
process id. What was forked for them is killed when they hang up. The forked process is a
session of its own and runs `python -m PROGRAM ARGUMENTS` in the folder: "bot", or a module of the
tests with a `main` that takes the arguments. When it has ended, its exit code is in the file
"ended". With "points" those of `tests.support.failpoints` are around it; if it is "brisk", it posts as
fast as it can. With `crewai` that is imported before. When stdin ends, the launchpad kills what it
forked, and ends.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import bot.process.serving
import bot.slack.app  # noqa: F401  # once, and not in each that is forked
from bot import cli
from bot.slack.app import SlackFront
from bot.slack.outbound.delivery import DeliveryTiming
from crew_runner.child.environment import SILENT_CREWAI
from crew_runner.host.fork_server_client import PRELOADED
from tests.support import failpoints, preforked_fork_server

BRISK = DeliveryTiming(
    posts_per_second=50,
    root_pause=timedelta(milliseconds=100),
    settle=timedelta(seconds=1),
    look_again=timedelta(seconds=3),
)
"""Slack's own pace would make each run of a test a matter of ten seconds."""


@dataclass(frozen=True)
class _Child:
    """What was forked and has not ended. `ended`: the file for its exit code."""

    ended: str
    asked_by: socket.socket


_living: dict[int, _Child] = {}
_lines: Final = selectors.DefaultSelector()
"""Of those who ask, the socket on which they come, and stdin."""


def main() -> None:
    if "crewai" in sys.argv[1:]:
        _import_crewai()
    signal.signal(signal.SIGCHLD, _note_ends)
    listening = socket.socket(fileno=int(sys.argv[1]))
    _lines.register(sys.stdin, selectors.EVENT_READ)
    _lines.register(listening, selectors.EVENT_READ)
    while True:
        for key, _ in _lines.select():
            if key.fileobj is sys.stdin:
                _kill(_living)
                os._exit(0)  # there is nothing to put in order
            elif key.fileobj is listening:
                accepted, _ = listening.accept()
                _lines.register(accepted, selectors.EVENT_READ, accepted.makefile())
            elif isinstance(line := key.fileobj, socket.socket):
                if request := key.data.readline():  # one at a time comes from each
                    _fork(json.loads(request), line)
                else:
                    _kill(pid for pid, child in _living.items() if child.asked_by is line)
                    _lines.unregister(line)
                    _close(key)


def _fork(request: dict[str, Any], asked_by: socket.socket) -> None:
    program = _program(request["program"])
    if threading.active_count() != 1:
        raise RuntimeError("a process with several threads must not be forked")
    gc.freeze()
    with _ends_put_off():
        pid = os.fork()
        if pid:
            _living[pid] = _Child(request["ended"], asked_by)
    if pid == 0:
        _become(request, program)
    asked_by.sendall(f"{pid}\n".encode())


def _close(key: selectors.SelectorKey) -> None:
    if key.data is not None:
        key.data.close()
    if isinstance(key.fileobj, socket.socket):
        key.fileobj.close()


def _kill(pids: Iterable[int]) -> None:
    for pid in [*pids]:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _import_crewai() -> None:
    """As a nursery does."""
    with tempfile.TemporaryDirectory() as storage:
        os.environ.update(SILENT_CREWAI, CREWAI_STORAGE_DIR=storage, PYTHON_DOTENV_DISABLED="true")
        importlib.import_module(PRELOADED)


def _program(name: str) -> Callable[[list[str]], int | None]:
    if name == "bot":
        return cli.main
    program: Callable[[list[str]], int | None] = importlib.import_module(name).main
    return program


def _note_ends(_number: int, _frame: FrameType | None) -> None:
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            if child := _living.pop(pid, None):
                _note(child.ended, os.waitstatus_to_exitcode(status))


def _note(ended: str, code: int) -> None:
    new = Path(f"{ended}.new")
    with suppress(FileNotFoundError):  # whoever wanted to know has gone
        new.write_text(str(code))
        new.rename(ended)


@contextmanager
def _ends_put_off() -> Iterator[None]:
    """The end of a process is not noted before its beginning."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _become(request: dict[str, Any], program: Callable[[list[str]], int | None]) -> NoReturn:
    """Turn this fork into what `python -m` would be in that folder and environment."""
    code: int | None = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        lines = [*_lines.get_map().values()]
        _lines.close()  # only here: each of them stays on the launchpad's own list
        for key in lines:
            _close(key)  # or their numbers would be closed later, whosever they are by then
        folder = Path(request["folder"])
        os.chdir(folder)
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = _open(request["log"])
        errors = _open(request["errors"]) if request["errors"] else log
        for source, target in ((nothing, 0), (log, 1), (errors, 2)):
            os.dup2(source, target)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        environment = request["environment"]
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:1] = [str(folder), *environment.get("PYTHONPATH", "").split(os.pathsep)]
        sys.argv = [request["program"], *request["arguments"]]
        if _has_nursery(request):
            preforked_fork_server.put_ready()
        if request["points"]:
            failpoints.install(folder)
        if request["brisk"]:
            (SlackFront.__init__.__kwdefaults__ or {})["tempo"] = BRISK
        code = program(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  # the last line of the process
        traceback.print_exc()
    if not request["brisk"]:
        sys.exit(code)  # as any other, when its last thread has ended
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def _has_nursery(request: dict[str, Any]) -> bool:
    if request["program"] == "bot":
        return not {"serve", "worker"}.isdisjoint(request["arguments"])
    return bool(request["program"] != preforked_fork_server.__name__)


def _open(file: str) -> int:
    return os.open(file, os.O_APPEND | os.O_CREAT | os.O_WRONLY)


if __name__ == "__main__":
    main()
