"""`countersign practice`: the practice workspace and the bot in it, as two programs in one.

Both end with this process: told to on Ctrl-C, and by their lifeline if it is killed.
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
from bot.process import parent_watch
from bot.process.environ import hide_secrets, is_secret
from bot.process.signals import shutdown_requested
from bot.settings import Settings, load_settings
from crew_runner.models.environment import Route, choose
from practice.seed import ANA, CAMPAIGNS, practice_app

FOLDER: Final = Path("var/practice")
PAGE_PORT: Final = 8400
START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
_LOOK: Final = 0.1
_TAIL: Final = 15


class CannotPracticeError(Exception):
    """Why practice cannot open, in words."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where practice keeps its things, and where its page listens."""

    folder: Path
    page_port: int

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    def variables(self) -> dict[str, str]:
        """What the bot is set to, whatever the environment and `.env` say."""
        app = practice_app()
        return {
            "SLACK_BOT_TOKEN": app.bot_token,
            "SLACK_APP_TOKEN": app.app_token,
            "SLACK_SIGNING_SECRET": app.signing_secret,
            "SLACK_API_URL": f"{self.page}/api/",
            "DATABASE_URL": f"sqlite:///{self.folder.resolve() / 'countersign.db'}",
            "COUNTERSIGN_DEFAULT_CHANNEL": CAMPAIGNS,
            "COUNTERSIGN_GRACE_SECONDS": "5",  # whoever types Ctrl-C does not want to wait
        }


@dataclass(slots=True)
class Program:
    """One of the two, in a session of its own, with its output in a file.

    `folder`: where it runs; None: here.
    """

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    folder: Path | None = None
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lifeline: int | None = field(default=None, init=False)

    def start(self) -> None:
        reading, self._lifeline = os.pipe()
        command = [sys.executable, "-P", parent_watch.__file__, str(reading), self.module]
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # our own modules
                [*command, *self.arguments],
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                start_new_session=True,
            )
        os.close(reading)

    @property
    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Ask it to end, and after STOP_SECONDS end it."""
        if self._process is None or self.ended:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        if self._process is not None and not self.ended:
            with suppress(ProcessLookupError):  # it ended while another thread waited for it
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()[-_TAIL:]
        return "\n".join(f"    {line}" for line in lines)


def practice(*, env_file: Path, port: int | None, fresh: bool) -> int:
    """Open practice, say where, and stay until told to end; the exit code."""
    try:
        with _locked(FOLDER):
            if fresh:
                _forget(FOLDER)
            places = Places(FOLDER, _page_port(port))
            return _open(places, env_file)
    except CannotPracticeError as error:
        _say(str(error), to=sys.stderr)
        return 1


def _open(places: Places, env_file: Path) -> int:
    settings = load_settings(env_file, instead=places.variables())
    bot_address = f"http://127.0.0.1:{_free_port(settings.port)}"
    project = None if _has_crews(settings) else starter.FOLDER
    workspace, bot = _programs(places, env_file, bot_address, project)
    hide_secrets()
    told = shutdown_requested(at_once=lambda: _kill_all((bot, workspace)))
    _say("Opening the practice workspace…")
    try:
        workspace.start()
        _wait_until(lambda: _bot_state(places.page) is not None, workspace, told)
        bot.start()
        _wait_until(lambda: _answer(f"{bot_address}/health") is not None, bot, told)
        _wait_until(lambda: _bot_state(places.page) is True, bot, told)
        if not told.is_set():
            _say(_banner(places, settings, bot_address, project))
        while not told.wait(_LOOK):
            _still_running(workspace)
            _still_running(bot)
        _say("\nClosing the practice workspace…")
        return 0
    finally:
        bot.stop()
        workspace.stop()


def _has_crews(settings: Settings) -> bool:
    """Whether there is a crews.yml here, or CREWS_FILE names a file, which then has to exist."""
    usual = Settings.model_fields["crews_file"].default
    return settings.crews_file != usual or settings.crews_file.exists()


def _programs(
    places: Places, env_file: Path, bot_address: str, project: Path | None
) -> tuple[Program, Program]:
    """`project`: the folder whose crews run, if it is not this one."""
    folder = places.folder.absolute()
    bot_port = bot_address.rpartition(":")[2]
    without_secrets = {name: value for name, value in os.environ.items() if not is_secret(name)}
    own = {**without_secrets, "HITL_BACKEND_HOST": "127.0.0.1", "HITL_BACKEND_PORT": bot_port}
    page = ["--port", str(places.page_port), "--state", str(folder / "workspace.db")]
    return (
        Program("practice", page, without_secrets, folder / "workspace.log"),
        Program(
            "bot",
            ["--env-file", str(env_file.absolute()), "serve"],
            {**own, **places.variables()},
            folder / "bot.log",
            project,
        ),
    )


def _kill_all(programs: Sequence[Program]) -> None:
    for program in programs:
        program.kill()


def _wait_until(ready: Callable[[], bool], program: Program, told: threading.Event) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready() and not told.wait(_LOOK):
        _still_running(program)
        if time.monotonic() > deadline:
            raise CannotPracticeError(
                f"{program.module} did not get ready in {START_SECONDS:.0f} s. "
                f"The end of {program.log_file}:\n{program.last_words()}"
            )


def _still_running(program: Program) -> None:
    if program.ended:
        raise CannotPracticeError(
            f"{program.module} ended by itself. The end of {program.log_file}:\n"
            f"{program.last_words()}"
        )


_NO_PROXY: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _answer(address: str) -> bytes | None:
    """The body of a 200 from this machine, or None."""
    try:
        with _NO_PROXY.open(address, timeout=2) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        return None


def _bot_state(page: str) -> bool | None:
    """Whether the bot is connected to the workspace; None if the workspace does not answer."""
    body = _answer(f"{page}/page/state?user={ANA}")
    return None if body is None else bool(json.loads(body)["bot"]["connected"])


def _say(words: str, to: TextIO | None = None) -> None:
    stream = to or sys.stdout
    stream.write(words + "\n")
    stream.flush()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One practice a folder: two would write over each other."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotPracticeError(
                f"Practice is already open from this folder ({folder}). End that one first."
            ) from None
        yield


def _forget(folder: Path) -> None:
    for kept in folder.iterdir():
        if kept.name != "lock":
            kept.unlink()


def _page_port(wanted: int | None) -> int:
    """The port that was asked for, or the usual one, or, if that is taken, a free one."""
    if wanted is None:
        return _free_port(PAGE_PORT)
    if _free_port(wanted) != wanted:
        raise CannotPracticeError(f"Port {wanted} is taken. Leave --port out, or name another.")
    return wanted


def _free_port(preferred: int) -> int:
    for port in (preferred, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise CannotPracticeError("No port is free on this machine.")


def _banner(places: Places, settings: Settings, bot_address: str, project: Path | None) -> str:
    crews = f"\n  Crews      {_STARTER}" if project == starter.FOLDER else ""
    choice = choose(settings.model)
    writer = _OFFLINE if choice.route is Route.OFFLINE else f"by {choice.model}"
    line = "─" * 72
    return f"""
{line}

    Open     {places.page}

    and in #campaigns type

             /crew plan a summer campaign for a bicycle shop

{line}
  Texts      {writer}{crews}
  REST       {bot_address}
  Logs       {places.folder / "bot.log"}, {places.folder / "workspace.log"}
  Ctrl-C ends it; what was said is kept (start over with --fresh).
"""


_STARTER: Final = "the examples, as there is no crews.yml here (`countersign init` writes one)"
_OFFLINE: Final = "by the offline drafter, as no model key is set (OPENAI_API_KEY changes that)"
