"""The processes of a siege. Whoever dies is started again, as a service manager would."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil

from tests.chaos.beside import Beside
from tests.support.prefork_server import Bot
from tests.support.prefork_server import PreforkServer as Launchpad
from tests.support.processes import alive, free_port

LOOK: Final = 0.05
AGAIN_AFTER: Final = 0.3
GONE_WITHIN: Final = 8.0


class Fleet(Beside):
    """`commands` are the processes' arguments: the first serves."""

    def __init__(
        self,
        launchpad: Launchpad,
        folder: Path,
        commands: Sequence[Sequence[str]],
        *,
        env: Mapping[str, str],
    ) -> None:
        super().__init__()
        self.port = free_port()
        served = {**env, "HITL_BACKEND_PORT": str(self.port)}
        self.bots = [
            Bot(
                launchpad,
                folder,
                env=served if number == 0 else env,
                arguments=command,
                name=f"{command[0]}-{number}",
                points=False,
            )
            for number, command in enumerate(commands)
        ]
        self.starts = 0
        self.broken: list[str] = []
        self._held: set[int] = set()
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
        for victim in victims:
            with suppress(psutil.NoSuchProcess):
                victim.kill()
        self._dying.append((time.monotonic() + GONE_WITHIN, [*victims, *orphans]))

    def _go_on(self) -> None:
        again: dict[int, float] = {}
        while not self._over.wait(LOOK):
            for number, bot in enumerate(self.bots):
                if bot.runs() or again.get(number, 0.0) > time.monotonic():
                    continue
                self.starts += 1
                again[number] = time.monotonic() + AGAIN_AFTER
                with suppress(psutil.NoSuchProcess):  # it ended at once, in words in its log
                    bot.start()
            self._bury()

    def _bury(self) -> None:
        now = time.monotonic()
        for entry in [*self._dying]:
            until, family = entry
            if not alive(family):
                self._dying.remove(entry)
            elif now > until:
                self._dying.remove(entry)
                self.broken.append(f"orphans of the dead still run: {alive(family)}")
