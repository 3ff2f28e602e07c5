"""The real bot as a process: `python -m bot serve`, to be stopped, killed and started again.

    with BotProcess(tmp_path, env=workspace.env()) as bot:
        bot.http.post("/api/crew/execute", json={...})
        bot.kill()          # SIGKILL to all of it
        bot.start()         # the same folder, database and port

With a launchpad it is forked from there, which saves a second of imports. Of the environment of the
tests it gets only PATH and HOME. Its log is `bot.log_text`, which every failure message of this
module contains.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx
import psutil
import yaml

if TYPE_CHECKING:
    from tests.support.prefork_server import Forked, PreforkServer

ROOT = Path(__file__).parents[2]
_LOOK = 0.02


def free_port() -> int:
    """A port on which nothing listens at this moment."""
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def crews_file(folder: Path, *crews: str) -> Path:
    """Write a crews.yml with only these of the shipped crews, as a bot builds all crews in it."""
    shipped = yaml.safe_load((ROOT / "crews.yml").read_text())["crews"]
    path = folder / "crews.yml"
    path.write_text(yaml.safe_dump({"crews": {name: shipped[name] for name in crews}}))
    return path


def clean_environment(**more: str) -> dict[str, str]:
    """An environment with nothing of the tests or the product in it."""
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ
    }
    return {**environment, "PYTHONPATH": str(ROOT), **more}


def wait_until(
    condition: Callable[[], bool], *, within: float, what: str, shown: Callable[[], str] = str
) -> None:
    """Wait until the condition holds; after `within` seconds, fail with the text from `shown`."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within} s\n{shown()}")
        time.sleep(_LOOK)


def alive(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    """Those that still run, without zombies."""
    return [process for process in processes if _runs(process)]


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def run(
    folder: Path, *arguments: str, prefork_server: PreforkServer | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `python -m bot ARGUMENTS` in `folder`: a command that is expected to end by itself."""
    environment = clean_environment(**{"HITL_BACKEND_PORT": "0", **variables})
    if prefork_server is not None:
        return _run_forked(prefork_server, folder, arguments, environment)
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _run_forked(
    prefork_server: PreforkServer,
    folder: Path,
    arguments: Sequence[str],
    environment: Mapping[str, str],
) -> subprocess.CompletedProcess[str]:
    with tempfile.TemporaryDirectory() as place:
        out, errors = Path(place) / "out", Path(place) / "errors"
        ended = prefork_server.fork(
            arguments, environment=environment, folder=folder, log=out, errors=errors
        ).wait(60)
        return subprocess.CompletedProcess(
            arguments, ended, out.read_text(), errors.read_text() if errors.exists() else ""
        )


class BotProcess:
    """`python -m bot serve` (or another command) in `folder`, with a SQLite file there."""

    def __init__(
        self,
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        workers: int | None = 2,
        crews_file: Path = ROOT / "crews.yml",
        command: str = "serve",
        options: Sequence[str] = (),
        start_within: float = 60,
        prefork_server: PreforkServer | None = None,
    ) -> None:
        """`workers`: None for a command without workers. `options`: more command line options."""
        self._launchpad = prefork_server
        self.folder = folder
        self.port = free_port()
        self.database = folder / "countersign.db"
        slots = () if workers is None else ("--workers", str(workers))
        self._command = [sys.executable, "-m", "bot", command, *slots, *options]
        self._serves = command == "serve"
        self._started = f"{command}.started"
        self._start_within = start_within
        self._env = {
            **clean_environment(),
            "DATABASE_URL": f"sqlite:///{self.database}",
            "CREWS_FILE": str(crews_file),
            "HITL_BACKEND_HOST": "127.0.0.1",
            "HITL_BACKEND_PORT": str(self.port),
            "COUNTERSIGN_LEASE_SECONDS": "3",
            **(env or {}),
        }
        self._log_file = folder / f"{command}.log"
        self._process: psutil.Popen | Forked | None = None
        self.http = httpx.Client(base_url=self.address, trust_env=False, timeout=10)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
        self.http.close()
        if error is not None:
            error.add_note(f"--- the log of the bot ---\n{self.log_text}")

    @property
    def address(self) -> str:
        host = self._env["HITL_BACKEND_HOST"]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def log_text(self) -> str:
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    @property
    def process(self) -> psutil.Popen | Forked:
        assert self._process is not None, "the bot was not started"
        return self._process

    def launch(self) -> None:
        """Start it without waiting."""
        if self._launchpad is not None:
            self._process = self._launchpad.fork(
                self._command[3:], environment=self._env, folder=self.folder, log=self._log_file
            )
            return
        with self._log_file.open("ab") as log:
            self._process = psutil.Popen(
                self._command,
                cwd=self.folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start(self) -> None:
        """Start it, and return when `/health` answers (without one: when the log says it runs)."""
        starts = self.log_text.count(self._started)
        self.launch()

        def ready() -> bool:
            code = self.process.poll()
            assert code is None, f"the bot ended with {code} at its start\n{self.log_text}"
            return self.healthy() if self._serves else self.log_text.count(self._started) > starts

        self.until(ready, what="the bot is ready", within=self._start_within)

    def healthy(self) -> bool:
        try:
            return self.http.get("/health").status_code == 200
        except httpx.TransportError:
            return False

    def until(self, condition: Callable[[], bool], *, what: str, within: float = 20) -> None:
        """Wait for a condition, and show the log if it does not become true."""
        wait_until(condition, within=within, what=what, shown=lambda: self.log_text)

    def family(self) -> list[psutil.Process]:
        """The process and all its descendants."""
        if self._process is None or not _runs(self._process):
            return []
        return [psutil.Process(self._process.pid), *self._process.children(recursive=True)]

    def kill(self) -> None:
        """Send SIGKILL to the process and all its descendants."""
        for process in self.family():
            if _runs(process):
                process.kill()
        self._reap()

    def kill_alone(self) -> list[psutil.Process]:
        """Send SIGKILL to the process only. Returns its descendants, which should end too."""
        descendants = self.family()[1:]
        self.process.kill()
        self._reap()
        return descendants

    def stop(self, *, within: float = 20) -> int:
        """Send SIGTERM; return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.until(lambda: self.process.poll() is not None, what="the bot ends", within=within)
        code = self.process.returncode
        assert code is not None
        return int(code)

    def restart(self) -> None:
        """Stop gracefully, then start."""
        assert self.stop() == 0, self.log_text
        self.start()

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait()
