"""The client side of the launchpad: bots that start in a fraction of a second.

with Launchpad() as launchpad:
    bot = Bot(launchpad, folder, env=workspace.env())
    bot.start()
    bot.arm("before commit decide continue")   # dies there, with everything it started
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

import psutil

from tests.support.failpoint_files import ARMED, KILLED, PASSED
from tests.support.processes import ROOT, alive, clean_environment, wait_until

MARK = "TEST_RUN_MARK"
"""The variable that identifies every process that a bot started."""


_NAME_LENGTH: Final = 15
_LOOK: Final = 0.01


class Forked(psutil.Process):
    """A process forked by a launchpad. `ended`: the file with its exit code."""

    def __init__(self, pid: int, ended: Path) -> None:
        super().__init__(pid)
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return int(self._ended.read_text()) if self._ended.exists() else None

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def wait(self, timeout: float | None = None) -> int:
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise psutil.TimeoutExpired(timeout or 0.0, self.pid)
            time.sleep(_LOOK)
        return code


class PreforkServer:
    """One process that forks bots until the `with` block ends. Safe to share.

    It starts at the first `fork`. `crewai`: import that package before forking. `at`: the socket of
    a launchpad that another process has started and shares; what was forked from here still ends
    with this `with` block.
    """

    def __init__(self, *, crewai: bool = False, at: str | None = None) -> None:
        self._options = ["crewai"] if crewai else []
        self._lock = threading.Lock()
        self._ends = count(1)
        self._folder = Path(tempfile.mkdtemp(prefix="launchpad-"))
        self.place = at or str(self._folder / "asked")
        self._started = at is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._hang_up(self._connection)
        if self._process is not None:
            self._process.communicate(timeout=20)
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it now, for others to use. Does not wait for its imports."""
        self._started = True
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(self.place)
            listening.listen()
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tests.support.prefork_main",
                    str(listening.fileno()),
                    *self._options,
                ],
                cwd=ROOT,
                env=clean_environment(),
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    def fork(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        errors: Path | None = None,
        program: str = "bot",
        brisk: bool = False,
        points: bool = False,
    ) -> Forked:
        """Start `python -m PROGRAM ARGUMENTS` in the folder. `errors`: a file for its stderr, if
        not the log. `brisk`: post as fast as possible. `points`: install failpoints."""
        with self._lock:
            line = self._open()
            ended = self._folder / str(next(self._ends))
            request = {
                "program": program,
                "arguments": [*arguments],
                "environment": {**environment},
                "folder": str(folder),
                "log": str(log),
                "errors": "" if errors is None else str(errors),
                "ended": str(ended),
                "brisk": brisk,
                "points": points,
            }
            line.sendall(f"{json.dumps(request)}\n".encode())
            with line.makefile() as answers:
                return Forked(int(answers.readline()), ended)

    def _open(self) -> socket.socket:
        if not self._started:
            self.start()
        if self._connection is None:
            self._connection = socket.socket(socket.AF_UNIX)
            self._connection.connect(self.place)
        return self._connection

    def _hang_up(self, line: socket.socket) -> None:
        """Disconnect, and wait until what was forked here has been killed."""
        with line:
            line.shutdown(socket.SHUT_WR)
            line.recv(1)


class Bot:
    """`python -m bot serve` in `folder`, with a SQLite file there, and with failpoints.

    `arguments`: another command. `name`: the name of its log. `points`: whether to install
    failpoints. `env` may name another database.
    """

    def __init__(
        self,
        prefork_server: PreforkServer,
        folder: Path,
        *,
        env: Mapping[str, str],
        arguments: Sequence[str] = ("serve", "--workers", "2"),
        name: str = "serve",
        points: bool = True,
    ) -> None:
        self._launchpad = prefork_server
        self._arguments = list(arguments)
        self._points = points
        self.folder = folder
        self.mark = uuid4().hex
        self._log = folder / f"{name}.log"
        self._process: Forked | None = None
        self._environment = {
            **clean_environment(),
            "DATABASE_URL": f"sqlite:///{folder / 'countersign.db'}",
            "CREWS_FILE": str(folder / "crews.yml"),
            "HITL_BACKEND_PORT": "0",
            "COUNTERSIGN_LEASE_SECONDS": "2",
            MARK: self.mark,
            **env,
        }

    @property
    def database(self) -> str:
        """Its URL."""
        return self._environment["DATABASE_URL"]

    @property
    def log_text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def passed(self) -> list[tuple[str, str]]:
        """The threads and the failpoints that they have passed so far, in order."""
        file = self.folder / PASSED
        lines = file.read_text().splitlines() if file.exists() else []
        return [(thread, point) for thread, _, point in (line.partition(" ") for line in lines)]

    @property
    def was_killed(self) -> bool:
        """Whether it died at the failpoint that was armed last."""
        return (self.folder / KILLED).exists()

    def arm(self, point: str) -> None:
        (self.folder / KILLED).unlink(missing_ok=True)
        new = self.folder / f"{ARMED}.new"
        new.write_text(point)
        new.rename(self.folder / ARMED)

    def disarm(self) -> None:
        (self.folder / ARMED).unlink(missing_ok=True)

    def start(self) -> None:
        """Start it, or start it again. Does not wait."""
        self._process = self._launchpad.fork(
            self._arguments,
            environment=self._environment,
            folder=self.folder,
            log=self._log,
            brisk=True,
            points=self._points,
        )

    def runs(self) -> bool:
        return self._process is not None and bool(alive([self._process]))

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        if self._process is None or not self.runs():
            return []
        with suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def kill(self) -> None:
        """Send SIGKILL to it and everything it started."""
        for process in [*self.family(), *marked(self.mark)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(
            lambda: not self.runs() and not marked(self.mark),
            within=10,
            what="the killed processes are gone",
        )


def marked(mark: str) -> list[psutil.Process]:
    """Every running process that was started with this mark in its environment.

    A forked bot is not among them, but everything it started is. Its fork server, which may have
    been forked too, has the mark as its process name.
    """
    name, variable = name_of(mark).encode(), f"{MARK}={mark}".encode()
    processes = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError, psutil.NoSuchProcess):
            if _read(f"/proc/{pid}/comm").strip() == name or variable in _read(
                f"/proc/{pid}/environ"
            ).split(b"\0"):
                processes.append(psutil.Process(int(pid)))
    return alive(processes)


def _read(file: str) -> bytes:
    """Five times as fast as psutil, for a loop over every process."""
    with open(file, "rb", buffering=0) as opened:
        return opened.read()


def name_of(mark: str) -> str:
    """As much of a mark as fits into a process name."""
    return mark[:_NAME_LENGTH]
