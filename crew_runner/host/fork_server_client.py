"""The worker's client of the fork server (crew_runner.child.process.fork_server)."""

from __future__ import annotations

import fcntl
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NoReturn, TypeAlias

from crew_runner.child.environment import SILENT_CREWAI, without_secrets
from crew_runner.child.messages import MAX_MESSAGE_BYTES, ProjectImports
from crew_runner.child.process.fork_server import FORK, KILL, PID, READY, REQUEST, STATUS
from crew_runner.child.process.imports import Plan
from crew_runner.child.process.start import PROBLEM
from crew_runner.host.frames import FrameReader

PRELOADED: Final = "_countersign.process.preload"

_PROGRAM: Final = Path(__file__).resolve().parents[1] / "child" / "process" / "start.py"
NOTHING_IMPORTED: Final = ProjectImports()

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 3.0
_READ_BYTES: Final = 1024 * 1024
_DIRECTORY_PREFIX: Final = "countersign-jobs-"
_SWEEP_AFTER_SECONDS: Final = 60.0
"""A directory is created a moment before it is locked."""

Kill: TypeAlias = Callable[[int, int], None]


class ForkServerUnavailable(Exception):
    """The fork server has exited or could not be started."""


class EnvironmentUnusable(ForkServerUnavailable):
    """A project's Python cannot run crews. The text says why, and what to do about it."""


class Child:
    """A child process that was requested from the fork server. Belongs to one thread.

    `channel` carries messages, `output` what the child prints; `status` ends when it was reaped.
    """

    def __init__(
        self,
        channel: Connection,
        output: int,
        status: int,
        kill: Kill,
        *,
        on_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.channel = channel
        self.output = output
        self.status = status
        self._kill = kill
        self._on_close = on_close
        self._pid: int | None = None
        self._frames = FrameReader(MAX_MESSAGE_BYTES)

    @property
    def has_started(self) -> bool:
        return self._pid is not None

    def read_pid(self) -> int:
        """The process id, which comes first on `status`. Raises ForkServerUnavailable."""
        if self._pid is None:
            pid = os.read(self.status, PID.size)
            if len(pid) < PID.size:
                raise ForkServerUnavailable("the process that starts crews ended")
            self._pid = PID.unpack(pid)[0]
        return self._pid

    def receive(self) -> list[bytes]:
        """The complete messages, without waiting for the rest of another one.

        Raises EOFError if the channel is closed, and MessageTooLong.
        """
        try:
            read = os.read(self.channel.fileno(), _READ_BYTES)
        except OSError as error:
            raise EOFError from error
        if not read:
            raise EOFError
        return self._frames.feed(read)

    def exit_code(self) -> int | None:
        """The exit code, which comes last on `status`; negative for a signal, None if unknown."""
        status = os.read(self.status, STATUS.size)
        return STATUS.unpack(status)[0] if len(status) == STATUS.size else None

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group; SIGKILL reaches every descendant.

        A child whose process id has not been read yet is left to `close`.
        """
        if self._pid is not None:
            self._kill(self._pid, number)

    def close(self) -> None:
        """Close its pipes. A child that still runs kills itself when the channel closes."""
        self.channel.close()
        os.close(self.output)
        os.close(self.status)
        self._on_close()


class ForkServerClient:
    """Starts the fork server when it is first needed. Safe to share between threads.

    `python`: a project's own interpreter, which is started outside the bot's folder. `imports`:
    what it imports for all children.
    """

    def __init__(
        self,
        *,
        preload: bool,
        python: str | None = None,
        imports: ProjectImports = NOTHING_IMPORTED,
    ) -> None:
        self._preload = preload
        self._imports = imports
        self._python = python
        self._lock = threading.Lock()
        self._ready_lock = threading.Lock()
        self._is_ready = False
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._directory: Path | None = None
        self._directory_lock: int | None = None
        self._stopped = False

    def start(self) -> None:
        """Start the fork server, or restart it if it died. Does not wait for its imports."""
        with self._lock:
            self._ensure_running()

    def wait_until_ready(self) -> None:
        """Wait until it has imported what its children need.

        Raises EnvironmentUnusable if the interpreter cannot, and ForkServerUnavailable.
        """
        with self._ready_lock:
            with self._lock:
                self._ensure_running()
                control, directory = self._control, self._directory
                if self._is_ready or control is None or directory is None:
                    return
            poll = select.poll()
            poll.register(control, select.POLLIN)
            if not poll.poll(_START_SECONDS * 1000):
                raise ForkServerUnavailable("the process that starts crews did not get ready")
            with suppress(OSError):
                if control.recv(len(READY)):
                    self._is_ready = True
                    return
            self._raise_problem(directory)

    def _raise_problem(self, directory: Path) -> NoReturn:
        """Say why the fork server ended before it was ready. The next one starts from scratch."""
        problem = directory / PROBLEM
        text = problem.read_text() if problem.exists() else ""
        with self._lock:
            if self._process is not None and self._directory == directory:
                _wait_or_kill(self._process)
                self._reset()
        if text:
            raise EnvironmentUnusable(text)
        raise ForkServerUnavailable("the process that starts crews ended")

    def fork(self, *, on_close: Callable[[], None] = lambda: None) -> Child:
        """Fork a child, which sends Ready when it waits for its job.

        `on_close` is called when the child is closed. Raises ForkServerUnavailable.
        """
        ours, theirs = socket.socketpair()
        output_read, output_write = os.pipe()
        status_read, status_write = os.pipe()
        try:
            self._request(FORK, fds=[theirs.fileno(), output_write, status_write])
        except BaseException:
            ours.close()
            os.close(output_read)
            os.close(status_read)
            raise
        finally:
            theirs.close()
            os.close(output_write)
            os.close(status_write)
        channel = Connection(ours.detach())
        return Child(channel, output_read, status_read, self._kill, on_close=on_close)

    def job_directory(self) -> Path:
        """A new directory for one job, inside one that is removed with the fork server."""
        with self._lock:
            self._ensure_running()
            return Path(tempfile.mkdtemp(dir=self._directory))

    def stop(self) -> None:
        """Stop the fork server and every child, for good."""
        with self._lock:
            self._stopped = True
            if self._control is not None:
                with suppress(OSError):  # it may have ended by itself
                    self._control.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits for it
                self._control.close()
            if self._process is not None:
                _wait_or_kill(self._process)
            self._reset()

    def _kill(self, pid: int, number: int) -> None:
        # Without a fork server, a child exits when its channel is closed.
        with suppress(ForkServerUnavailable, OSError):
            self._request(KILL, pid, number)

    def _request(
        self, operation: bytes, pid: int = 0, number: int = 0, *, fds: list[int] | None = None
    ) -> None:
        with self._lock:
            if operation == FORK:
                self._ensure_running()
            if self._control is None:
                raise ForkServerUnavailable("the process that starts crews is not running")
            try:
                socket.send_fds(self._control, [REQUEST.pack(operation, pid, number)], fds or [])
            except OSError as error:
                raise ForkServerUnavailable("the process that starts crews ended") from error

    def _ensure_running(self) -> None:
        if self._stopped:
            raise ForkServerUnavailable("the process that starts crews was stopped")
        if self._process is not None and self._process.poll() is None:
            return
        self._reset()
        _remove_stale_directories()
        self._directory, self._directory_lock = _new_directory()
        self._control, theirs = socket.socketpair()
        preload = PRELOADED if self._preload else ""
        environment = {
            **without_secrets(os.environ),
            **SILENT_CREWAI,
            "CREWAI_STORAGE_DIR": str(self._directory),
        }
        if self._python is not None:
            environment.update(_activated(self._python))
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 our own code
                    [
                        self._python or sys.executable,
                        str(_PROGRAM),
                        str(theirs.fileno()),
                        preload,
                        *self._plan(self._directory),
                    ],
                    env=environment,
                    cwd=None if self._python is None else self._directory,
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    start_new_session=True,  # not affected by Ctrl-C in the worker's terminal
                )
        except OSError as error:
            self._reset()
            raise EnvironmentUnusable(
                f"The crew's Python, {self._python or sys.executable}, does not start: "
                f"{error.strerror}. Run `uv sync` or `crewai install` in the project."
            ) from error

    def _plan(self, directory: Path) -> list[str]:
        """The argument that says what to import, if there is anything."""
        if self._imports == NOTHING_IMPORTED:
            return []
        file = directory / "imports.json"
        Plan(self._imports).write(file)
        return [str(file)]

    def _reset(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
        if self._directory_lock is not None:
            os.close(self._directory_lock)
        self._control = self._process = self._directory = self._directory_lock = None
        self._is_ready = False


def _activated(python: str) -> dict[str, str]:
    """The variables that activating the interpreter's virtual environment sets."""
    folder = Path(python).parent
    if not (folder.parent / "pyvenv.cfg").exists():
        return {}
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PATH", "")]))
    return {"VIRTUAL_ENV": str(folder.parent), "PATH": path}


def _new_directory() -> tuple[Path, int]:
    """A directory for jobs, and a lock on it that ends with this process."""
    directory = Path(tempfile.mkdtemp(prefix=_DIRECTORY_PREFIX))
    lock = os.open(directory, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return directory, lock


def _remove_stale_directories() -> None:
    """Remove the directories of workers that were killed together with their fork server."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_DIRECTORY_PREFIX}*"):
        with suppress(OSError):  # locked, another user's, or just removed by another worker
            if time.time() - directory.stat().st_mtime > _SWEEP_AFTER_SECONDS:
                _remove_unlocked(directory)


def _remove_unlocked(directory: Path) -> None:
    """Remove the directory. Raises BlockingIOError if its worker is alive."""
    lock = os.open(directory, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(lock)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
