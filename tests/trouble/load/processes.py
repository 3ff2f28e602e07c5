"""The bot's processes under load. Those that die are started again, as a service manager would."""

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

LOOK: Final = 0.03
RESTARTED_AFTER: Final = 0.3
GONE_WITHIN: Final = 8.0
ENDS_WITHIN: Final = 5.0
STOPS_WITHIN: Final = 60.0


class Interpreter(PreforkServer):
    """Starts each process anew, as anybody would, at the tempo that Slack likes."""

    def fork(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path,
        errors: Path | None = None,  # noqa: ARG002  # what a fork alone can do, here and below
        program: str = "bot",
        brisk: bool = False,  # noqa: ARG002
        points: bool = False,  # noqa: ARG002
    ) -> Forked:
        ended = self._folder / str(next(self._ends))
        with log.open("ab") as written:
            started = subprocess.Popen(
                [sys.executable, "-m", program, *arguments],
                cwd=folder,
                env={**environment},
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        threading.Thread(target=_write_end, args=(started, ended), daemon=True).start()
        return Forked(started.pid, ended)


def _write_end(process: subprocess.Popen[bytes], ended: Path) -> None:
    new = ended.with_suffix(".new")
    code = str(process.wait())
    with suppress(FileNotFoundError):  # the folder is gone with those who ask
        new.write_text(code)
        new.rename(ended)


class Process(Bot):
    """One of them; what it logs is counted since its last start."""

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
        """That of its last start."""
        return None if self._process is None else self._process.pid

    def is_up(self) -> bool:
        """Whether it has said so, or ended."""
        return self.logged(".started") > 0 or not self.runs()

    def logged(self, event: str) -> int:
        return self.log_text.count(event) - self._earlier.count(event)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        assert isinstance(self._process, Forked), "it was not started"
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(STOPS_WITHIN)


class Processes(Background):
    """`commands` are their arguments: the first serves.

    `before_start` is called before each start. `may_die`: whether one may end that nobody killed.
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
        served = {**env, "HITL_BACKEND_PORT": str(self.port), MARK: mark}
        self.bots = [
            Process(
                prefork_server,
                folder,
                mark,
                env=served if number == 0 else {**env, MARK: mark},
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
        """SIGKILL to the victims; the orphans must end by themselves, in seconds."""
        self._killed.update(victim.pid for victim in victims)
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        self._dying.append((time.monotonic() + GONE_WITHIN, [*victims, *orphans]))

    def stop(self) -> None:
        """Tell all of them to end, in peace; what does not is broken."""
        super().__exit__(None, None, None)
        for bot in reversed(self.bots):
            wait_until(bot.is_up, within=STOPS_WITHIN, what=f"{bot.name} is up")
            if bot.runs() and (code := bot.stop()) != 0:
                self.broken.append(f"a process that was told to stop ended with {code}")
        try:
            expect_no_orphans(self.mark)
        except AssertionError as error:
            self.broken.append(f"orphans: {error}")

    def _run(self) -> None:
        again: dict[int, float] = {}
        while not self._over.wait(LOOK):
            for number, bot in enumerate(self.bots):
                if bot.runs() or again.get(number, 0.0) > time.monotonic():
                    continue
                self._start(bot)
                again[number] = time.monotonic() + RESTARTED_AFTER
            self._bury()

    def _start(self, bot: Process) -> None:
        dead = bot.pid
        if dead is not None and dead not in self._killed and not self._may_die:
            self.broken.append(f"a process ended that nobody killed\n{bot.log_text[-4000:]}")
        self.starts += 1
        try:
            if self._before_start is not None:
                self._before_start(bot)
        except AssertionError as error:
            self.broken.append(str(error))
        with suppress(psutil.NoSuchProcess):  # it ended at once, in words in its log
            bot.start()

    def _bury(self) -> None:
        now = time.monotonic()
        for entry in [*self._dying]:
            until, family = entry
            if not alive(family):
                self._dying.remove(entry)
            elif now > until:
                self._dying.remove(entry)
                self.broken.append(f"orphans of the dead still run: {alive(family)}")


def expect_no_orphans(mark: str) -> None:
    """What a dead bot started ends with it, within seconds."""
    wait_until(
        lambda: not marked(mark),
        within=ENDS_WITHIN,
        what="what the bot started ends with it",
        shown=lambda: str(marked(mark)),
    )
