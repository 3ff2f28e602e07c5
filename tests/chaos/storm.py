"""Kills at random moments."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Self
from uuid import uuid4

import psutil

from tests.chaos.beside import Beside
from tests.chaos.kinds import EFFECTS, Kind
from tests.chaos.lane import RETRIES, expect_no_orphans, forget
from tests.chaos.ledger import Ledger
from tests.chaos.oracles import violations
from tests.chaos.play import Play
from tests.support.prefork_server import MARK, Bot
from tests.support.prefork_server import PreforkServer as Launchpad
from tests.support.processes import ROOT, BotProcess, alive
from tests.support.workspace import Workspace

OVER_WITHIN = 240.0
MOST_NEWS = 8
LONGEST_WAIT = 0.7


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


class Fleet:
    """One or more bots on one database, in one workspace; whoever died is started again."""

    def __init__(self, bots: Sequence[RealBot | Bot]) -> None:
        self.bots = bots
        self.folder = bots[0].folder
        self.database = bots[0].database

    @property
    def log_text(self) -> str:
        return self.bots[0].log_text

    def runs(self) -> bool:
        return all(bot.runs() for bot in self.bots)

    def start(self) -> None:
        """Start the dead, when all that they had started has ended too."""
        for bot in self.bots:
            if not bot.runs():
                expect_no_orphans(bot.mark)
                bot.start()


@dataclass(frozen=True)
class Kill:
    """`news` messages were shown or changed since all bots ran, and `after` seconds passed since.

    `during` is how far the run was then.
    """

    news: int
    after: float
    whom: str
    during: str

    def __str__(self) -> str:
        since = f"message {self.news}" if self.news else "the last start"
        return f"{self.whom}, {self.after:.2f} s after {since}: {self.during}"


@dataclass(frozen=True)
class Storm:
    """A run that was killed some times, and what was wrong with it at its end."""

    kills: list[Kill]
    wrong: list[str]
    seconds: float
    never_ended: bool = False


@dataclass
class Weather:
    """A workspace and bots on which storms follow one another; `kills` are the latest one's.

    With a launchpad the bots start from that, fast and at a brisk tempo; without one they are
    started as anybody would start them.
    """

    folder: Path
    kind: Kind
    random: Random
    launchpad: Launchpad | None = None
    workspace: Workspace = field(init=False)
    fleet: Fleet = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self.kills: list[Kill] = []
        self.workspace = Workspace(manifest=ROOT / "manifest.yml")

    def __enter__(self) -> Self:
        self.workspace.__enter__()
        self.workspace.retry_events_after(*RETRIES)
        self.fleet = Fleet([self._bot() for _ in range(self.kind.bots)])
        mark = self.fleet.bots[0].mark
        (self.folder / "crews.yml").write_text(self.kind.crews_yml(self.folder, mark))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            for bot in self.fleet.bots:
                bot.kill()
        finally:
            self.workspace.__exit__(kind, error, trace)

    def _bot(self) -> RealBot | Bot:
        env = {**self.workspace.env(self.kind.mode), "EFFECTS": str(self.folder / EFFECTS)}
        if self.launchpad is not None:
            return Bot(self.launchpad, self.folder, env=env)
        bot = RealBot(self.folder, env=env)
        if self.kind.mode == "http":
            self.workspace.reach_by_http(f"{bot.address}/slack/events")
        return bot

    def storm(self, kills: int) -> Storm:
        """A whole run, with so many kills, or as many as there is time for before it ends."""
        forget(self.workspace)
        began = time.monotonic()
        words = f"slowly run {next(self._numbers)} of {self.folder.name}"
        play = Play(self.workspace, self.fleet, self.kind, words)
        chance = Random(self.random.random())
        journal = self.workspace.practice.workspace.journal
        killer = _Killer(self.fleet, play, journal, random=chance, kills=kills)
        self.kills = killer.done
        with killer:
            play.to_its_end(within=OVER_WITHIN)
        play.to_its_end(within=OVER_WITHIN)
        wrong = violations(play, kills=len(killer.done))
        return Storm(killer.done, wrong, time.monotonic() - began)


class _Killer(Beside):
    """A thread that kills at random moments until it is told that the run is over."""

    def __init__(
        self, fleet: Fleet, play: Play, journal: Sized, *, random: Random, kills: int
    ) -> None:
        super().__init__()
        self._fleet = fleet
        self._kind = play.kind
        self._words = play.words
        self._journal = journal
        self._random = random
        self._wanted = kills
        self.done: list[Kill] = []

    def _go_on(self) -> None:
        while len(self.done) < self._wanted:
            if not self._wait(self._fleet.runs):
                return
            at_start = self._random.random() < 1 / 3
            news = 0 if at_start else self._random.randint(1, MOST_NEWS)
            if not self._wait(partial(self._has_shown, len(self._journal) + news)):
                return
            after = self._random.uniform(0, LONGEST_WAIT if news else self._kind.start)
            if self._over.wait(after):
                return
            number = self._random.randrange(len(self._fleet.bots))
            everything = self._random.random() < 0.5
            during = Ledger(self._fleet.database).moment(self._words)
            self._kill(self._fleet.bots[number], everything)
            whom = f"bot {number + 1}{' with all that it started' if everything else ''}"
            self.done.append(Kill(news, after, whom, during))

    def _has_shown(self, versions: int) -> bool:
        return len(self._journal) >= versions

    def _wait(self, condition: Callable[[], bool]) -> bool:
        while not condition():
            if self._over.wait(0.01):
                return False
        return True

    def _kill(self, bot: RealBot | Bot, everything: bool) -> None:
        family = bot.family()
        for process in alive(family if everything else family[:1]):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        while bot.runs():
            self._over.wait(0.01)
