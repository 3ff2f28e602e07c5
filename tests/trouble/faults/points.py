"""Deaths at named failpoints of an execution, on several bots at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

from tests.support.prefork_server import Bot, PreforkServer
from tests.trouble.faults.failpoints import at_first_start, takes_long
from tests.trouble.load.load import Fault, Load
from tests.trouble.load.plans import STEPS, scripted_plan
from tests.trouble.load.processes import expect_no_orphans

AT_ONCE: Final = 4
DEATHS_PER_RUN: Final = 6
DIES_WITHIN: Final = 2.0
LONGEST_SECONDS: Final = 600.0
LOOK: Final = 0.03

Deaths = tuple[str, ...]
"""The failpoints at which the bot dies in one execution, in order."""


class Failpoints(Fault):
    """The bot and everything it started die at each failpoint in turn; then it is restarted."""

    def __init__(self) -> None:
        self._left: list[str] = []
        self._load: Load | None = None
        self.reached: list[str] = []

    def prepare(self, points: Deaths, bot: Bot | None) -> None:
        """Arm the first point; `bot` is None before its first start."""
        self._left, self.reached = [*points], []
        if bot is not None:
            self._arm(bot)

    def before_start(self, bot: Bot) -> None:
        expect_no_orphans(bot.mark)
        if self._load is not None:
            self._load.disturbed(excuses=False)
        if self._left and bot.was_killed:
            self.reached.append(self._left.pop(0))
        self._arm(bot)

    def _arm(self, bot: Bot) -> None:
        bot.disarm()
        if self._left:
            bot.arm(self._left[0])

    def strike(self, load: Load, over: threading.Event) -> None:
        self._load = load
        over.wait()

    def deaths(self) -> int:
        return len(self.reached)

    def strikes_again(self, load: Load) -> bool:
        """Whether the bot still reaches the armed point when everything visible has ended."""
        [bot] = load.processes.bots
        reached = len(self.reached)
        if not self._left:
            return False
        return load.crowd.until(
            lambda: not bot.runs() or len(self.reached) > reached, within=DIES_WITHIN
        )


@dataclass(frozen=True)
class Outcome:
    """The outcome of an execution in which the bot was to die at some points.

    A point that is not `reached` was not passed again after the earlier deaths. `passed`: the
    threads and the points that they passed, in order.
    """

    reached: Sequence[str]
    wrong: Sequence[str]
    passed: Sequence[tuple[str, str]]


class PointRunner:
    """A bot in `folder`, started by the first `run`; each `run` plays one execution to its end."""

    def __init__(
        self, prefork_server: PreforkServer, folder: Path, database: str | None = None
    ) -> None:
        self._points = Failpoints()
        self._random = Random(str(folder))
        self._numbers = count(1)
        self._is_open = False
        self._load = Load(
            prefork_server,
            folder,
            url=database or f"sqlite:///{folder / 'countersign.db'}",
            seed=0,
            commands=(("serve", "--workers", "2"),),
            kinds=(STEPS,),
            seconds={"check": 1.3},
            lag=0.0,
            before_start=self._points.before_start,
            points=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_open:
            self._load.__exit__(kind, error, trace)

    def run(self, *points: str, slowly: bool = False) -> Outcome:
        """`slowly`: the second phase lasts long enough for its lease to be renewed."""
        if self._is_open:
            self._points.prepare(points, self._load.processes.bots[0])
        else:
            self._points.prepare(points, None)
            self._load.__enter__()
            self._is_open = True
        plan = scripted_plan(next(self._numbers), self._random, slowly=slowly)
        report = self._load.run(self._points, [plan], at_once=1)
        return Outcome(self._points.reached, report.wrong, self._load.processes.bots[0].passed)


class PointSweep:
    """`outcome(points)` is that of the execution in which the bot died at these points.

    Each execution gets several single points that are far apart; a point that it skips because of
    earlier deaths gets an execution of its own. `stories` are sequences of deaths. `new_database`
    creates a database for each bot; by default it is a SQLite file.
    """

    def __init__(
        self,
        prefork_server: PreforkServer,
        folder: Path,
        points: Sequence[str],
        stories: Sequence[Deaths] = (),
        *,
        new_database: Callable[[], str] | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        self._prefork_server = prefork_server
        self._folder, self._new_database = folder, new_database
        self._numbers = count(1)
        self._idle: queue.SimpleQueue[PointRunner] = queue.SimpleQueue()
        self._stack = ExitStack()
        self._pool = ThreadPoolExecutor(at_once)
        self._outcomes: dict[Deaths, Future[Outcome]] = {}
        for batch in batches(points):
            outcome = self._pool.submit(self._play, batch)
            self._outcomes |= {(point,): outcome for point in batch}
        self._outcomes |= {story: self._pool.submit(self._play, story) for story in stories}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._stack.close()

    def outcome(self, *points: str) -> Outcome:
        """Wait for the outcome; raises any error of its execution."""
        outcome = self._outcomes[points].result(LONGEST_SECONDS)
        if len(points) == 1 and points[0] not in outcome.reached:
            return self._pool.submit(self._play, points).result(LONGEST_SECONDS)
        return outcome

    def _play(self, batch: Deaths) -> Outcome:
        try:
            runner = None if any(map(at_first_start, batch)) else self._idle.get_nowait()
        except queue.Empty:
            runner = None
        runner = runner or self._stack.enter_context(self._new_runner())
        outcome = runner.run(*batch, slowly=any(map(takes_long, batch)))
        self._idle.put(runner)
        return outcome

    def _new_runner(self) -> PointRunner:
        folder = self._folder / f"bot-{next(self._numbers)}"
        folder.mkdir()
        database = self._new_database() if self._new_database is not None else None
        return PointRunner(self._prefork_server, folder, database)


def batches(points: Sequence[str]) -> list[Deaths]:
    """Batches of a few points that are far apart, each in the order of the points."""
    alone = [(point,) for point in points if at_first_start(point)]
    others = [point for point in points if not at_first_start(point)]
    runs = -(-len(others) // DEATHS_PER_RUN)
    return [*alone, *(tuple(others[first::runs]) for first in range(runs))]
