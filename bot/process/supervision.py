"""`countersign practice`: starts the practice workspace and a bot in it, and supervises both.

Both stop with this process: on Ctrl-C it stops them, and if it is killed, `parent_watch` does.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from bot import starter
from bot.environ import is_secret, load_and_hide
from bot.process import parent_watch
from bot.process.signals import shutdown_requested
from bot.settings import Settings
from crew_runner.models.environment import Route, choose
from practice.seed import ANA, CAMPAIGNS, practice_app

FOLDER: Final = Path("var/practice")
PAGE_PORT: Final = 8400
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_POLL_INTERVAL: Final = 0.1
_TAIL_LINES: Final = 15


class CannotPracticeError(Exception):
    """Practice cannot open or go on; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class PracticeConfig:
    """Where practice keeps its files, and the port of its page."""

    folder: Path
    page_port: int

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    def variables(self) -> dict[str, str]:
        """The bot's settings that override the environment and `.env`."""
        app = practice_app()
        return {
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "SLACK_SIGNING_SECRET": app.signing_secret,
            "SLACK_API_URL": f"{self.page}/api/",
            "DATABASE_URL": f"sqlite:///{self.folder.resolve() / 'countersign.db'}",
            "COUNTERSIGN_DEFAULT_CHANNEL": CAMPAIGNS,
            "COUNTERSIGN_GRACE_SECONDS": "5",  # nobody wants to wait after Ctrl-C
        }


@dataclass(slots=True)
class Program:
    """One of the two programs, in a session of its own, with its output in `log_file`.

    `folder`: its working directory, or None for the current one.
    """

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _write_end: int | None = field(default=None, init=False)

    def start(self) -> None:
        # This process keeps the write end open, so the pipe closes when it ends.
        read_end, self._write_end = os.pipe()
        command = [sys.executable, "-P", parent_watch.__file__, str(read_end), self.module]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own modules
                [*command, *self.arguments],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(read_end,),
                start_new_session=True,
            )
        os.close(read_end)

    @property
    def exited(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL if it is still running after STOP_SECONDS."""
        if self._process is None or self.exited:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process is not None and not self.exited:
            with suppress(ProcessLookupError):  # it exited while another thread waited for it
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"    {line}" for line in lines)


def practice(*, env_file: Path, port: int | None, fresh: bool) -> int:
    """Open practice, print its address and run until a signal. Returns the exit code."""
    try:
        with _locked(FOLDER):
            if fresh:
                _delete_files(FOLDER)
            config = PracticeConfig(FOLDER, _page_port(port))
            return _run(config, env_file)
    except CannotPracticeError as error:
        _print(str(error), to=sys.stderr)
        return 1


def _run(config: PracticeConfig, env_file: Path) -> int:
    settings = load_and_hide(env_file, overrides=config.variables())
    bot_address = f"http://127.0.0.1:{_free_port(settings.port)}"
    project = None if _has_crews(settings) else starter.FOLDER
    workspace, bot = _programs(config, env_file, bot_address, project, settings.webhook_secrets)
    shutdown = shutdown_requested(at_once=lambda: _kill_all((bot, workspace)))
    _print("Opening the practice workspace…")
    try:
        workspace.start()
        _wait_until(lambda: _bot_connected(config.page) is not None, workspace, shutdown)
        bot.start()
        _wait_until(lambda: _get(f"{bot_address}/health") is not None, bot, shutdown)
        _wait_until(lambda: _bot_connected(config.page) is True, bot, shutdown)
        if not shutdown.is_set():
            _print(_banner(config, settings, bot_address, project))
        while not shutdown.wait(_POLL_INTERVAL):
            _check_running(workspace)
            _check_running(bot)
        _print("\nClosing the practice workspace…")
        return 0
    finally:
        bot.stop()
        workspace.stop()


def _has_crews(settings: Settings) -> bool:
    """Whether there is a crews.yml here, or CREWS_FILE is set (and the bot checks the file)."""
    default = Settings.model_fields["crews_file"].default
    return settings.crews_file != default or settings.crews_file.exists()


def _programs(
    config: PracticeConfig,
    env_file: Path,
    bot_address: str,
    project: Path | None,
    webhook_secrets: Mapping[str, str],
) -> tuple[Program, Program]:
    """The workspace and the bot. `project`: the folder whose crews run, if not this one.

    `webhook_secrets` are variables that this process has hidden, and that the bot needs.
    """
    folder = config.folder.absolute()
    bot_port = bot_address.rpartition(":")[2]
    without_secrets = {name: value for name, value in os.environ.items() if not is_secret(name)}
    environment = {
        **without_secrets,
        "HITL_BACKEND_HOST": "127.0.0.1",
        "HITL_BACKEND_PORT": bot_port,
        **webhook_secrets,
        **config.variables(),
    }
    page = ["--port", str(config.page_port), "--state", str(folder / "workspace.db")]
    page += ["--manifest", str(starter.manifest(Path()).absolute())]
    return (
        Program("practice", page, without_secrets, folder / "workspace.log"),
        Program(
            "bot",
            ["--env-file", str(env_file.absolute()), "serve"],
            environment,
            folder / "bot.log",
            project,
        ),
    )


def _kill_all(programs: Sequence[Program]) -> None:
    for program in programs:
        program.kill()


def _wait_until(ready: Callable[[], bool], program: Program, shutdown: threading.Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready() and not shutdown.wait(_POLL_INTERVAL):
        _check_running(program)
        if time.monotonic() > deadline:
            raise CannotPracticeError(
                f"{program.module} was not ready after {START_SECONDS:.0f} s. "
                f"The last lines of {program.log_file}:\n{program.log_tail()}"
            )


def _check_running(program: Program) -> None:
    if program.exited:
        raise CannotPracticeError(
            f"{program.module} stopped unexpectedly. The last lines of {program.log_file}:\n"
            f"{program.log_tail()}"
        )


_NO_PROXY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _get(address: str) -> bytes | None:
    """The body of a successful GET on this machine, or None."""
    try:
        with _NO_PROXY.open(address, timeout=2) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError):
        return None


def _bot_connected(page: str) -> bool | None:
    """Whether the bot is connected to the workspace, or None if the workspace does not answer."""
    body = _get(f"{page}/page/state?user={ANA}")
    return None if body is None else bool(json.loads(body)["bot"]["connected"])


def _print(text: str, to: TextIO | None = None) -> None:
    stream = to or sys.stdout
    stream.write(text + "\n")
    stream.flush()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Allow one practice per folder: two would overwrite each other's files."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotPracticeError(
                f"Practice is already open in this folder ({folder}). Stop it first with Ctrl-C."
            ) from None
        yield


def _delete_files(folder: Path) -> None:
    for file in folder.iterdir():
        if file.name != "lock":
            file.unlink()


def _page_port(requested: int | None) -> int:
    """The requested port, or else the default one, or a free one if the default is in use."""
    if requested is None:
        return _free_port(PAGE_PORT)
    if _free_port(requested) != requested:
        raise CannotPracticeError(
            f"Port {requested} is in use. Choose another port, or leave out --port."
        )
    return requested


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CannotPracticeError("No port is free on this machine.")


def first_command(crews: bytes | None) -> str:
    """A command for the first try, given the bot's answer about its crews."""
    names = [] if crews is None else [crew["name"] for crew in json.loads(crews)["items"]]
    if not names or "plan" in names:
        return "/crew plan a summer campaign for a bicycle shop"
    return f"/crew {names[0]}"


def _banner(
    config: PracticeConfig, settings: Settings, bot_address: str, project: Path | None
) -> str:
    crews = f"\n  Crews      {_STARTER}" if project == starter.FOLDER else ""
    choice = choose(settings.model)
    writer = _OFFLINE if choice.route is Route.OFFLINE else f"by {choice.model}"
    line = "─" * 72
    return f"""
{line}

    Open     {config.page}

    and in #campaigns type

             {first_command(_get(f"{bot_address}/api/crews"))}

{line}
  Texts      {writer}{crews}
  REST       {bot_address}
  Logs       {config.folder / "bot.log"}, {config.folder / "workspace.log"}
  Ctrl-C ends it; messages and runs are kept (start over with --fresh).
"""


_STARTER: Final = "the examples, as there is no crews.yml here (`countersign init` writes one)"
_OFFLINE: Final = "by the offline drafter, as no model key is set (such as OPENAI_API_KEY)"
