"""A storm: many executions at once, and a worker that dies every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final
from uuid import uuid4

from tests.chaos.lane import expect_no_orphans
from tests.storm.book import ENDED, Book
from tests.storm.crowd import Crowd
from tests.storm.kinds import Move, Plan, crews_yml, plans
from tests.storm.model import Model
from tests.storm.slips import EFFECTS
from tests.support.prefork_server import MARK
from tests.support.prefork_server import PreforkServer as Launchpad
from tests.support.processes import ROOT, BotProcess, alive, wait_until
from tests.support.workspace import Workspace

CHANNELS: Final = 40
AT_ONCE: Final = 24
"""How many executions may be on their way while another is started."""

SLOTS: Final = 3
LEASE: Final = {"COUNTERSIGN_LEASE_SECONDS": "3"}
WORTH_ITS_START: Final = 2 * SLOTS
"""How many phases a worker ends before it may die: starting it costs seconds of a core."""

GONE_WITHIN: Final = 8.0
STARTED_WITHIN: Final = 60.0
STANDS_STILL: Final = 120.0
LOOK: Final = 0.2


class Hand(BotProcess):
    """`python -m bot worker`, of which several run on one database."""

    def __init__(
        self, folder: Path, number: int, *, env: Mapping[str, str], launchpad: Launchpad | None
    ) -> None:
        super().__init__(
            folder,
            env=env,
            workers=SLOTS,
            crews_file=folder / "crews.yml",
            command="worker",
            launchpad=launchpad,
        )
        self._log_file = folder / f"worker-{number}.log"
        self._before = ""

    def launch(self) -> None:
        self._before = self.log_text
        super().launch()

    def is_up(self) -> bool:
        return self._said("worker.started") > 0

    def ended(self) -> int:
        """How many phases it has brought to their end since it was started."""
        return self._said("phase.ended")

    def _said(self, event: str) -> int:
        """How often it has said so since it was started."""
        return self.log_text.count(event) - self._before.count(event)


@dataclass
class Weather:
    """What happened in a storm, for those who judge it."""

    folder: Path
    effects: Path
    plans: list[Plan]
    workspace: Workspace
    crowd: Crowd
    book: Book
    kills: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)


class Storm:
    """Opens a workspace, the serving bot and its workers in `folder`, and plays all plans."""

    def __init__(
        self,
        folder: Path,
        *,
        executions: int,
        seed: int,
        every: float,
        hands: int = 3,
        worth: int = WORTH_ITS_START,
        launchpad: Launchpad | None = None,
    ) -> None:
        """`worth`: how many phases a worker ends at least before it dies. `launchpad`: where the
        processes are forked from, if they are not started anew."""
        self._launchpad = launchpad
        self._folder = folder
        self._random = Random(seed)
        self._every = every
        self._hands = hands
        self._worth = worth
        channels = [f"C00STORM{number:03}" for number in range(min(CHANNELS, executions))]
        self._plans = plans(executions, channels, self._random)

    def run(self, *, kills: int | None = None) -> Weather:
        """Play it to its end; with `kills` no more than so many workers die."""
        began = time.monotonic()
        mark = uuid4().hex
        effects = self._folder / EFFECTS
        with ExitStack() as stack:
            workspace = stack.enter_context(Workspace(manifest=ROOT / "manifest.yml"))
            model = stack.enter_context(Model(effects))
            crews = crews_yml(effects, mark)
            (self._folder / "crews.yml").write_text(crews)
            crew_env = {EFFECTS: str(effects), MARK: mark, **model.env()}
            env = {**workspace.env(), **LEASE, **crew_env}
            bot = BotProcess(
                self._folder,
                env=env,
                workers=0,
                crews_file=self._folder / "crews.yml",
                launchpad=self._launchpad,
            )
            stack.enter_context(bot)
            hands = [
                Hand(self._folder, n, env=env, launchpad=self._launchpad)
                for n in range(self._hands)
            ]
            for hand in hands:
                stack.callback(hand.kill)
                hand.launch()
            workspace.wait_until_connected()
            book = Book(bot.database)
            crowd = Crowd(workspace, self._plans)
            weather = Weather(self._folder, effects, self._plans, workspace, crowd, book)
            crowd.open()
            with _Thunder(
                hands,
                weather,
                every=self._every,
                worth=self._worth,
                most=kills,
                random=self._random,
            ):
                self._play(weather, bot)
            crowd.close()
            weather.broken += _stop_all(bot, hands, mark)
        weather.seconds = time.monotonic() - began
        return weather

    def _play(self, weather: Weather, bot: BotProcess) -> None:
        """Returns when nothing is left to happen, or nothing has come to its end for long."""
        to_start = [*self._plans]
        way, since = set[str](), time.monotonic()
        while to_start or way or weather.book.open_messages():
            if bot.process.poll() is not None:
                weather.broken.append(f"the serving bot died\n{bot.log_text[-4000:]}")
                return
            now = _on_their_way(weather)
            if now != way:
                way, since = now, time.monotonic()
            if time.monotonic() - since > STANDS_STILL:
                weather.broken.append(f"stuck: {sorted(way)}; {len(to_start)} were not started")
                return
            if to_start and len(way) < AT_ONCE:
                weather.crowd.start(to_start.pop(0), is_known=weather.book.knows)
            else:
                time.sleep(LOOK)


def _stop_all(bot: BotProcess, hands: Sequence[Hand], mark: str) -> Iterator[str]:
    """Tell all processes to end, in peace; in words, what did not."""
    for hand in hands:
        hand.until(hand.is_up, what="the worker is up", within=STARTED_WITHIN)
    for process in (*hands, bot):
        if (code := process.stop(within=STARTED_WITHIN)) != 0:
            yield f"a process that was told to stop ended with {code}"
    try:
        expect_no_orphans(mark)
    except AssertionError as error:
        yield f"orphans: {error}"


def _on_their_way(weather: Weather) -> set[str]:
    """The tokens of executions that are started, have not ended and are not left waiting."""
    left = {each.token for each in weather.crowd.readings if each.move is Move.LEAVE}
    over = (*ENDED, "error", "cancelled")
    return {
        token
        for token, state in weather.book.states().items()
        if state not in over and not (token in left and state == "waiting_feedback")
    }


class _Thunder:
    """A thread that kills one worker after another, and starts each anew.

    A worker is spared until it has ended some phases: on a machine so busy that none has by the
    time of the next kill, nothing would ever get done otherwise. The table says how often it was.
    """

    def __init__(
        self,
        hands: list[Hand],
        weather: Weather,
        *,
        every: float,
        worth: int,
        most: int | None,
        random: Random,
    ) -> None:
        self._hands = hands
        self._weather = weather
        self._every = every
        self._worth = worth
        self._most = most
        self._random = Random(random.random())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._roll, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _roll(self) -> None:
        while not self._over.wait(self._every):
            if self._most is not None and self._weather.kills >= self._most:
                return
            while not (struck := [hand for hand in self._hands if hand.ended() >= self._worth]):
                if self._over.wait(LOOK):
                    return
            self._strike(self._random.choice(struck))
            self._weather.kills += 1

    def _strike(self, hand: Hand) -> None:
        """Kill it, alone or with all that it started; either way nothing of it may stay."""
        family = hand.family()
        if self._random.random() < 0.5:
            hand.kill()
        else:
            hand.kill_alone()
        try:
            wait_until(
                lambda: not alive(family),
                within=GONE_WITHIN,
                what="what a dead worker started ends",
            )
        except AssertionError as error:
            self._weather.broken.append(f"orphans: {error} {alive(family)}")
        hand.launch()
