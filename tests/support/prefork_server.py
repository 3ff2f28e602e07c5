"""The tests' end of the launchpad: bots that start in a fraction of a second.

with Launchpad() as launchpad:
    bot = Bot(launchpad, folder, env=workspace.env())
    bot.start()
    bot.arm("before commit decide continue")   # dies there, with all that it started
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
"""The variable by which every process that a bot started is known."""


_NAME_LENGTH: Final = 15
_LOOK: Final = 0.01


class Forked(psutil.Process):
    """A process of a launchpad. `ended`: where its exit code is written."""

    def __init__(self, pid: int, ended: Path) -> None:
        super().__init__(pid)
        self._ended = ended

    def poll(self) -> int | None:
        """Its exit code, negative for a signal, if it has ended."""
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
    """One process that forks bots, for as long as the `with` lasts. Safe to share.

    It is started when it is first asked. `crewai`: what it forks need not import that any more.
    `at`: the place of one that another process has started and lets others use; what was forked
    from here ends with this `with` nevertheless.
    """

    def __init__(self, *, crewai: bool = False, at: str | None = None) -> None:
        self._words = ["crewai"] if crewai else []
        self._lock = threading.Lock()
        self._ends = count(1)
        self._folder = Path(tempfile.mkdtemp(prefix="launchpad-"))
        self.place = at or str(self._folder / "asked")
        self._started = at is not None
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._line is not None:
            self._hang_up(self._line)
        if self._process is not None:
            self._process.communicate(timeout=20)
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it now, for others to use. Does not wait until it has imported all."""
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
                    *self._words,
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
        """`python -m PROGRAM ARGUMENTS` in the folder. `errors`: where its stderr goes, if not to
        the log too. `brisk`: whether it posts as fast as it can; `points`: whether it is told
        where to die."""
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
        if self._line is None:
            self._line = socket.socket(socket.AF_UNIX)
            self._line.connect(self.place)
        return self._line

    def _hang_up(self, line: socket.socket) -> None:
        """What was forked here is killed before the other end hangs up, too."""
        with line:
            line.shutdown(socket.SHUT_WR)
            line.recv(1)


class Bot:
    """`python -m bot serve` in `folder`, with a SQLite file there, which dies where it is told.

    `arguments` are another command's; `name` that of its log; `points`: whether it is told where
    to die. `env` may name another database.
    """

    def __init__(
        self,
        launchpad: PreforkServer,
        folder: Path,
        *,
        env: Mapping[str, str],
        arguments: Sequence[str] = ("serve", "--workers", "2"),
        name: str = "serve",
        points: bool = True,
    ) -> None:
        self._launchpad = launchpad
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
        """The threads and the points that they passed so far, in order."""
        file = self.folder / PASSED
        lines = file.read_text().splitlines() if file.exists() else []
        return [(thread, point) for thread, _, point in (line.partition(" ") for line in lines)]

    @property
    def was_killed(self) -> bool:
        """Whether it died at the point that was armed last."""
        return (self.folder / KILLED).exists()

    def arm(self, point: str) -> None:
        (self.folder / KILLED).unlink(missing_ok=True)
        new = self.folder / f"{ARMED}.new"
        new.write_text(point)
        new.rename(self.folder / ARMED)

    def disarm(self) -> None:
        (self.folder / ARMED).unlink(missing_ok=True)

    def start(self) -> None:
        """Start it, or start it again. Does not wait for anything."""
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
        """The process and all that descends from it."""
        if self._process is None or not self.runs():
            return []
        with suppress(psutil.NoSuchProcess):
            return [self._process, *self._process.children(recursive=True)]
        return []

    def kill(self) -> None:
        """SIGKILL to it and to all that it started."""
        for process in [*self.family(), *marked(self.mark)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        wait_until(
            lambda: not self.runs() and not marked(self.mark),
            within=10,
            what="the killed are gone",
        )


def marked(mark: str) -> list[psutil.Process]:
    """Every process that still runs and was started with this mark in its environment.

    A bot that was forked is not among them, but all that it started is. Its nursery, which may have
    been forked too, goes by the mark as its name.
    """
    name, variable = name_of(mark).encode(), f"{MARK}={mark}".encode()
    found = []
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError, psutil.NoSuchProcess):
            if _read(f"/proc/{pid}/comm").strip() == name or variable in _read(
                f"/proc/{pid}/environ"
            ).split(b"\0"):
                found.append(psutil.Process(int(pid)))
    return alive(found)


def _read(file: str) -> bytes:
    """psutil takes five times as long, and this is asked of every process all the time."""
    with open(file, "rb", buffering=0) as opened:
        return opened.read()


def name_of(mark: str) -> str:
    """As much of a mark as a process's name can hold."""
    return mark[:_NAME_LENGTH]
