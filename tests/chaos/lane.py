"""A lane: one workspace and one bot, on which runs follow one another, each with its kill."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.chaos.ledger import Ledger
from tests.chaos.oracles import violations
from tests.chaos.play import LOOK, Play
from tests.support.launchpad import MARK, Bot, Launchpad, marked
from tests.support.processes import ROOT, wait_until
from tests.support.workspace import Workspace

PHASES = ("draft", "check", "finish")
SECONDS = {"check": 1.3}
GONE_WITHIN = 5.0
DIES_WITHIN = 2.0
OVER_WITHIN = 60.0


def crews_yml(folder: Path, *, mark: str) -> str:
    """Three phases by a program, with a checkpoint after the first and the second."""
    program = ROOT / "tests" / "support" / "steps.py"
    env = {"EFFECTS": str(folder / "effects.log"), "SECONDS": json.dumps(SECONDS), MARK: mark}
    return f"""
crews:
  steps:
    description: A draft, a check and the end of it
    command: [python, {json.dumps(str(program))}]
    env: {json.dumps(env)}
    phases: [{{name: draft}}, {{name: check}}, {{name: finish}}]
    approvers: ["@channel"]
    checkpoints:
      - {{name: after_draft, after: draft, description: Read the draft}}
      - {{name: after_check, after: check, description: Read the check}}
"""


@dataclass(frozen=True)
class Outcome:
    """How a run went in which the bot was to die at some points. `wrong` is empty if all is well.

    A point that was not `reached` did not come up after the deaths before it.
    """

    points: Sequence[str]
    reached: Sequence[str]
    wrong: Sequence[str]


class Lane:
    """Opens a workspace and a bot in `folder`; `run` plays one run from its start to its end."""

    def __init__(self, launchpad: Launchpad, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")
        self._launchpad = launchpad
        self._numbers = count(1)
        self.bot: Bot

    def __enter__(self) -> Self:
        self.workspace.__enter__()
        self.bot = Bot(self._launchpad, self.folder, env=self.workspace.env())
        (self.folder / "crews.yml").write_text(crews_yml(self.folder, mark=self.bot.mark))
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
        self.forget()
        how = "slowly " if slowly else ""
        words = f"{how}run {next(self._numbers)} of {self.folder.name}"
        left, reached = [*points], list[str]()

        def arm_the_next() -> None:
            if left:
                self.bot.arm(left[0])

        def look_after_the_dead() -> None:
            self._expect_no_orphans()
            if left and self.bot.was_killed:
                reached.append(left.pop(0))
                arm_the_next()

        arm_the_next()
        play = Play(self.workspace, self.bot, Ledger(self.bot.database), words)
        play.before_start = look_after_the_dead
        play.to_its_end(within=OVER_WITHIN)
        while left and self._dies():
            play.to_its_end(within=OVER_WITHIN)
        self.bot.disarm()
        wrong = violations(play, phases=PHASES, kills=len(reached))
        return Outcome(points, reached, wrong)

    def _dies(self) -> bool:
        """Whether it still comes to the armed point, when all is done that people see."""
        deadline = time.monotonic() + DIES_WITHIN
        while self.bot.runs() and time.monotonic() < deadline:
            time.sleep(LOOK)
        return not self.bot.runs()

    def forget(self) -> None:
        """What was said before is of no interest; nothing of it is open any more."""

        def clear() -> None:
            state = self.workspace.practice.workspace
            for messages in state.messages.values():
                messages.clear()
            state.ephemerals.clear()
            state.journal.clear()
            for user in state.users:
                self.workspace.practice.views.close_all(user)

        self.workspace.call(clear)

    def _expect_no_orphans(self) -> None:
        wait_until(
            lambda: not marked(self.bot.mark),
            within=GONE_WITHIN,
            what="what the bot started ends with it",
            shown=lambda: str(marked(self.bot.mark)),
        )
