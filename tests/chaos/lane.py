"""A lane: one workspace and one bot, on which runs follow one another, each with its kill."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.kinds import COMMAND
from tests.chaos.oracles import violations
from tests.chaos.play import LOOK, Play
from tests.support.prefork_server import Bot, marked
from tests.support.prefork_server import PreforkServer as Launchpad
from tests.support.processes import ROOT, wait_until
from tests.support.workspace import Workspace

RETRIES = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Slack's own pauses, a minute and more, would make a reply to a dead bot a matter of minutes."""

GONE_WITHIN = 5.0
DIES_WITHIN = 2.0
OVER_WITHIN = 60.0


@dataclass(frozen=True)
class Outcome:
    """How a run went in which the bot was to die at some points. `wrong` is empty if all is well.

    A point that was not `reached` did not come up after the deaths before it.
    """

    points: Sequence[str]
    reached: Sequence[str]
    wrong: Sequence[str]


class Lane:
    """Opens a workspace and a bot in `folder`; `run` plays one run from its start to its end.

    `database` is a URL; by default it is a SQLite file in the folder.
    """

    def __init__(self, launchpad: Launchpad, folder: Path, database: str | None = None) -> None:
        self.folder = folder
        self._database = {} if database is None else {"DATABASE_URL": database}
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")
        self._launchpad = launchpad
        self._numbers = count(1)
        self.bot: Bot

    def __enter__(self) -> Self:
        self.workspace.__enter__()
        self.workspace.retry_events_after(*RETRIES)
        self.bot = Bot(self._launchpad, self.folder, env={**self.workspace.env(), **self._database})
        crews_yml = COMMAND.crews_yml(self.folder, self.bot.mark)
        (self.folder / "crews.yml").write_text(crews_yml)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.bot.kill()
        finally:
            self.workspace.__exit__(kind, error, trace)

    def run(self, *points: str, slowly: bool = False) -> Outcome:
        """A whole run. The bot dies at each of the points in turn, and is started again.

        Slowly: the second phase lasts longer than it takes to renew a lease.
        """
        forget(self.workspace)
        how = "slowly " if slowly else ""
        words = f"{how}run {next(self._numbers)} of {self.folder.name}"
        left, reached = [*points], list[str]()

        def arm_the_next() -> None:
            if left:
                self.bot.arm(left[0])

        def look_after_the_dead() -> None:
            expect_no_orphans(self.bot.mark)
            if left and self.bot.was_killed:
                reached.append(left.pop(0))
                arm_the_next()

        arm_the_next()
        play = Play(self.workspace, self.bot, COMMAND, words, before_start=look_after_the_dead)
        play.to_its_end(within=OVER_WITHIN)
        while left and self._dies():
            play.to_its_end(within=OVER_WITHIN)
        self.bot.disarm()
        wrong = violations(play, kills=len(reached))
        return Outcome(points, reached, wrong)

    def _dies(self) -> bool:
        """Whether it still comes to the armed point, when all is done that people see."""
        deadline = time.monotonic() + DIES_WITHIN
        while self.bot.runs() and time.monotonic() < deadline:
            time.sleep(LOOK)
        return not self.bot.runs()


def expect_no_orphans(mark: str) -> None:
    """What a dead bot started ends with it, within seconds."""
    wait_until(
        lambda: not marked(mark),
        within=GONE_WITHIN,
        what="what the bot started ends with it",
        shown=lambda: str(marked(mark)),
    )


def forget(workspace: Workspace) -> None:
    """What was said before is of no interest, when nothing of it is open any more."""

    def clear() -> None:
        practice = workspace.practice
        for messages in practice.workspace.messages.values():
            messages.clear()
        practice.workspace.ephemerals.clear()
        practice.workspace.journal.clear()
        for user in practice.workspace.users:
            practice.views.close_all(user)

    workspace.call(clear)
