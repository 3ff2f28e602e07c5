"""Kills at random moments."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil

from tests.chaos.kinds import EFFECTS, Kind
from tests.chaos.lane import expect_no_orphans, forget
from tests.chaos.ledger import Ledger
from tests.chaos.oracles import violations
from tests.chaos.play import Play
from tests.support.launchpad import MARK, Bot, Launchpad
from tests.support.processes import ROOT, BotProcess, alive
from tests.support.workspace import Workspace

OVER_WITHIN = 240.0


class RealBot(BotProcess):
    """`python -m bot serve`, with a mark by which all that it starts is known."""

    def __init__(self, folder: Path, *, env: Mapping[str, str]) -> None:
        self.mark = uuid4().hex
        super().__init__(
            folder,
            env={**env, "COUNTERSIGN_LEASE_SECONDS": "2", MARK: self.mark},
            crews_file=folder / "crews.yml",
        )

    def start(self) -> None:
        """Does not wait for anything: it may be killed while it starts."""
        self.launch()

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None


@dataclass(frozen=True)
class Kill:
    """`after`: seconds since the bot was last started. `during`: how far its run was then."""

    after: float
    everything: bool
    during: str

    def __str__(self) -> str:
        whom = "everything" if self.everything else "the bot alone"
        return f"{whom} {self.after:.2f} s after its start, {self.during}"


@dataclass(frozen=True)
class Storm:
    """A run that was killed some times, and what was wrong with it at its end."""

    words: str
    kills: list[Kill]
    wrong: list[str]
    seconds: float
    never_ended: bool = False


@dataclass
class Weather:
    """A workspace and a bot on which storms follow one another; `kills` are the latest one's.

    With a launchpad the bot starts from that, fast and at a brisk tempo; without one it is started
    as anybody would start it.
    """

    folder: Path
    kind: Kind
    random: Random
    launchpad: Launchpad | None = None
    workspace: Workspace = field(init=False)
    bot: RealBot | Bot = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self.kills: list[Kill] = []
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")

    def __enter__(self) -> Self:
        self.workspace.__enter__()
        env = {**self.workspace.env(), "EFFECTS": str(self.folder / EFFECTS)}
        self.bot = (
            RealBot(self.folder, env=env)
            if self.launchpad is None
            else Bot(self.launchpad, self.folder, env=env)
        )
        (self.folder / "crews.yml").write_text(self.kind.crews_yml(self.folder, self.bot.mark))
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

    def storm(self, kills: int) -> Storm:
        """A whole run, with so many kills, or as many as there is time for before it ends."""
        forget(self.workspace)
        began = time.monotonic()
        words = f"slowly run {next(self._numbers)} of {self.folder.name}"
        play = Play(
            self.workspace,
            self.bot,
            self.kind,
            words,
            before_start=lambda: expect_no_orphans(self.bot.mark),
        )
        chance = Random(self.random.random())
        killer = _Killer(self.bot, self.kind, words, random=chance, kills=kills)
        self.kills = killer.done
        with killer:
            play.to_its_end(within=OVER_WITHIN)
        play.to_its_end(within=OVER_WITHIN)
        wrong = violations(play, kills=len(killer.done))
        return Storm(words, killer.done, wrong, time.monotonic() - began)


class _Killer:
    """A thread that kills at random moments until it is told that the run is over."""

    def __init__(
        self, bot: RealBot | Bot, kind: Kind, words: str, random: Random, kills: int
    ) -> None:
        self._bot = bot
        self._kind = kind
        self._words = words
        self._random = random
        self._wanted = kills
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self.done: list[Kill] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _go_on(self) -> None:
        while len(self.done) < self._wanted:
            if not self._wait(self._bot.runs):
                return
            after = self._random.uniform(0, self._kind.spread)
            if self._over.wait(after):
                return
            everything = self._random.random() < 0.5
            during = Ledger(self._bot.database).moment(self._words)
            self._kill(everything)
            self.done.append(Kill(after, everything, during))
            if not self._wait(lambda: not self._bot.runs()):
                return

    def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._over.wait(0.01):
                return False
        return True

    def _kill(self, everything: bool) -> None:
        family = self._bot.family()
        for process in alive(family if everything else family[:1]):
            with suppress(psutil.NoSuchProcess):
                process.kill()
