"""The launchpad's process: it has imported the bot once, and forks one for each request.

    python -m tests.support.prefork_main FD [crewai]

A client connects to the socket FD and writes one request per line, a JSON object {"program",
"arguments", "environment", "folder", "log", "errors", "ended", "brisk", "points"}. The answer is
the process id. When a client disconnects, its processes are killed. A forked process is its own
session and runs `python -m PROGRAM ARGUMENTS` in the folder: "bot", or a module of the tests with a
`main` that takes the arguments. When it has ended, its exit code is in the file "ended". With
"points" it has the failpoints of `tests.support.failpoints`; with "brisk" it posts as fast as
it can. With `crewai` that package is imported before. When stdin ends, the launchpad kills what it
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
import bot.slack.app  # noqa: F401  # once, and not in each forked process
from bot import cli
from bot.slack.app import SlackFront
from bot.slack.outbound.delivery import DeliveryTiming
from crew_runner.child.environment import SILENT_CREWAI
from crew_runner.child.process.start import load_package
from crew_runner.host.fork_server_client import PRELOADED
from storage.outbox.rate_limits import RateLimit
from tests.support import failpoints, preforked_fork_server

BRISK = DeliveryTiming(
    posts_per_second=50,
    updates=RateLimit(per_second=50, burst=10),
    root_pause=timedelta(milliseconds=100),
    settle=timedelta(seconds=1),
    look_again=timedelta(seconds=3),
)
"""At Slack's own rate limit, each run of a test would take ten seconds."""


@dataclass(frozen=True)
class _Child:
    """A forked process that has not ended. `ended`: the file for its exit code."""

    ended: str
    client: socket.socket


_living: dict[int, _Child] = {}
_lines: Final = selectors.DefaultSelector()
"""The clients' connections, the listening socket, and stdin."""


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
                os._exit(0)  # there is nothing to clean up
            elif key.fileobj is listening:
                accepted, _ = listening.accept()
                _lines.register(accepted, selectors.EVENT_READ, accepted.makefile())
            elif isinstance(line := key.fileobj, socket.socket):
                if request := key.data.readline():  # a client sends one at a time
                    _fork(json.loads(request), line)
                else:
                    _kill(pid for pid, child in _living.items() if child.client is line)
                    _lines.unregister(line)
                    _close(key)


def _fork(request: dict[str, Any], client: socket.socket) -> None:
    program = _program(request["program"])
    if threading.active_count() != 1:
        raise RuntimeError("a process with several threads must not be forked")
    gc.freeze()
    with _ends_put_off():
        pid = os.fork()
        if pid:
            _living[pid] = _Child(request["ended"], client)
    if pid == 0:
        _become(request, program)
    client.sendall(f"{pid}\n".encode())


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
    """As a fork server does."""
    with tempfile.TemporaryDirectory() as storage:
        os.environ.update(SILENT_CREWAI, CREWAI_STORAGE_DIR=storage, PYTHON_DOTENV_DISABLED="true")
        load_package()
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
    with suppress(FileNotFoundError):  # the client has removed its folder
        new.write_text(str(code))
        new.rename(ended)


@contextmanager
def _ends_put_off() -> Iterator[None]:
    """Block SIGCHLD, so that the end of a process is not handled before its start is recorded."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    yield
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})


def _become(request: dict[str, Any], program: Callable[[list[str]], int | None]) -> NoReturn:
    """Turn this fork into what `python -m` would start in that folder and environment."""
    code: int | None = 1
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        lines = [*_lines.get_map().values()]
        _lines.close()  # only in this process: the launchpad keeps its own
        for key in lines:
            _close(key)  # or their numbers would be closed later, when they belong to other files
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
            preforked_fork_server.prefork_fork_server()
        if request["points"]:
            failpoints.install(folder)
        if request["brisk"]:
            (SlackFront.__init__.__kwdefaults__ or {})["timing"] = BRISK
        code = program(request["arguments"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001  # the last line of the process
        traceback.print_exc()
    if not request["brisk"]:
        sys.exit(code)  # as usual, once its last thread has ended
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
