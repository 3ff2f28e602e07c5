"""The bot's processes under load, restarted when they die as by a service manager."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import psutil

from tests.support.prefork_server import MARK, Bot, Forked, PreforkServer, marked
from tests.support.processes import alive, free_port, wait_until
from tests.trouble.background import Background

POLL: Final = 0.03
RESTARTED_AFTER: Final = 0.3
GONE_WITHIN: Final = 8.0
ENDS_WITHIN: Final = 5.0
STOPS_WITHIN: Final = 60.0


class Interpreter(PreforkServer):
    """Starts each process with a new interpreter, at the rate limits of the product."""

    def fork(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        errors: Path | None = None,  # noqa: ARG002  # only a fork supports it, here and below
        program: str = "bot",
        brisk: bool = False,  # noqa: ARG002
        points: bool = False,  # noqa: ARG002
    ) -> Forked:
        ended = self._folder / str(next(self._ends))
        with log.open("ab") as log_file:
            process = subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                cwd=folder,
                env={**environment},
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=_write_end, args=(process, ended), daemon=True).start()
        return Forked(process.pid, ended)


def _write_end(process: subprocess.Popen[bytes], ended: Path) -> None:
    new = ended.with_suffix(".new")
    code = str(process.wait())
    with suppress(FileNotFoundError):  # the folder has gone, and nobody reads the code
        new.write_text(code)
        new.rename(ended)


class Process(Bot):
    """One process of the bot; its log events are counted since its last start."""

    def __init__(self, prefork_server: PreforkServer, folder: Path, mark: str, **more: Any) -> None:
        super().__init__(prefork_server, folder, **more)
        self.name = str(more["name"])
        self.mark = mark
        self._earlier = ""

    def start(self) -> None:
        self._earlier = self.log_text
        super().start()

    @property
    def pid(self) -> int | None:
        """The process id of its last start."""
        return None if self._process is None else self._process.pid

    def is_up(self) -> bool:
        """Whether it has logged its start, or has ended."""
        return self.logged(".started") > 0 or not self.runs()

    def logged(self, event: str) -> int:
        return self.log_text.count(event) - self._earlier.count(event)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        assert isinstance(self._process, Forked), "it was not started"
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOPS_WITHIN)


class Processes(Background):
    """All processes of a bot. `commands` are their arguments; the first one serves.

    `before_start` is called before each start. `may_die`: whether a process may end unkilled.
    """

    def __init__(
        self,
        prefork_server: PreforkServer,
        folder: Path,
        commands: Sequence[Sequence[str]],
        *,
        env: Mapping[str, str],
        mark: str,
        before_start: Callable[[Bot], None] | None = None,
        may_die: bool = True,
        points: bool = False,
    ) -> None:
        super().__init__()
        self.mark = mark
        self.port = free_port()
        server_env = {**env, "HITL_BACKEND_PORT": str(self.port), MARK: mark}
        self.bots = [
            Process(
                prefork_server,
                folder,
                mark,
                env=server_env if number == 0 else {**env, MARK: mark},
                arguments=command,
                name=f"{command[0]}-{number}",
                points=points,
            )
            for number, command in enumerate(commands)
        ]
        self.starts = 0
        self.broken: list[str] = []
        self._before_start = before_start
        self._may_die = may_die
        self._killed: set[int] = set()
        self._dying: list[tuple[float, list[psutil.Process]]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        for bot in self.bots:
            bot.kill()

    def all_run(self) -> bool:
        return all(bot.runs() for bot in self.bots)

    def logs(self) -> str:
        return "\n".join(bot.log_text for bot in self.bots)

    def kill(self, victims: Sequence[psutil.Process], *, orphans: Sequence[psutil.Process]) -> None:
        """Send SIGKILL to the victims; the orphans must end by themselves within seconds."""
        self._killed.update(victim.pid for victim in victims)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        self._dying.append((time.monotonic() + GONE_WITHIN, [*victims, *orphans]))

    def stop(self) -> None:
        """Stop all processes with SIGTERM; an unclean exit is recorded in `broken`."""
        super().__exit__(None, None, None)
        for bot in reversed(self.bots):
            wait_until(bot.is_up, within=STOPS_WITHIN, what=f"{bot.name} is up")
            if bot.runs() and (code := bot.stop()) != 0:
                self.broken.append(f"a process exited with {code} after SIGTERM")
        try:
            expect_no_orphans(self.mark)
        except AssertionError as error:
            self.broken.append(f"orphans: {error}")

    def _run(self) -> None:
        restart_at: dict[int, float] = {}
        while not self._over.wait(POLL):
            for number, bot in enumerate(self.bots):
                if bot.runs() or restart_at.get(number, 0.0) > time.monotonic():
                    continue
                self._start(bot)
                restart_at[number] = time.monotonic() + RESTARTED_AFTER
            self._check_dying()

    def _start(self, bot: Process) -> None:
        last_pid = bot.pid
        if last_pid is not None and last_pid not in self._killed and not self._may_die:
            self.broken.append(f"a process ended that nobody killed\n{bot.log_text[-4000:]}")
        self.starts += 1
        try:
            if self._before_start is not None:
                self._before_start(bot)
        except AssertionError as error:
            self.broken.append(str(error))
        with suppress(psutil.NoSuchProcess):  # it ended at once; its log says why
            bot.start()

    def _check_dying(self) -> None:
        now = time.monotonic()
        for entry in [*self._dying]:
            deadline, family = entry
            if not alive(family):
                self._dying.remove(entry)
            elif now > deadline:
                self._dying.remove(entry)
                self.broken.append(f"orphans of killed processes still run: {alive(family)}")


def expect_no_orphans(mark: str) -> None:
    """Wait until no process that a dead bot started is left; raises AssertionError if some are."""
    wait_until(
        lambda: not marked(mark),
        within=ENDS_WITHIN,
        what="what the bot started ends with it",
        shown=lambda: str(marked(mark)),
    )
