"""Deaths at named points of an execution, on several bots at once."""

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
DEATHS_A_RUN: Final = 6
DIES_WITHIN: Final = 2.0
LONGEST_SECONDS: Final = 600.0
LOOK: Final = 0.03

Deaths = tuple[str, ...]
"""Points at which the bot dies in one execution, in turn."""


class Failpoints(Fault):
    """The bot dies at each of these in turn, with all that it started, and is started again."""

    def __init__(self) -> None:
        self._left: list[str] = []
        self._load: Load | None = None
        self.reached: list[str] = []

    def prepare(self, points: Deaths, bot: Bot | None) -> None:
        """Arm the first; without a bot before it starts for the first time."""
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
        """Whether the bot still comes to the armed point when all is done that people see."""
        [bot] = load.processes.bots
        reached = len(self.reached)
        if not self._left:
            return False
        return load.crowd.until(
            lambda: not bot.runs() or len(self.reached) > reached, within=DIES_WITHIN
        )


@dataclass(frozen=True)
class Outcome:
    """How an execution went in which the bot was to die at some points.

    A point that was not `reached` did not come up after the deaths before it. `passed`: the threads
    and the points that they passed, in order.
    """

    reached: Sequence[str]
    wrong: Sequence[str]
    passed: Sequence[tuple[str, str]]


class PointRunner:
    """A bot in `folder`, started by the first `run`, which plays one execution to its end."""

    def __init__(
        self, prefork_server: PreforkServer, folder: Path, database: str | None = None
    ) -> None:
        self._points = Failpoints()
        self._random = Random(str(folder))
        self._numbers = count(1)
        self._opened = False
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
        if self._opened:
            self._load.__exit__(kind, error, trace)

    def run(self, *points: str, slowly: bool = False) -> Outcome:
        """Slowly: the second phase lasts longer than it takes to renew a lease."""
        if self._opened:
            self._points.prepare(points, self._load.processes.bots[0])
        else:
            self._points.prepare(points, None)
            self._load.__enter__()
            self._opened = True
        plan = scripted_plan(next(self._numbers), self._random, slowly=slowly)
        report = self._load.run(self._points, [plan], at_once=1)
        return Outcome(self._points.reached, report.wrong, self._load.processes.bots[0].passed)


class PointSweep:
    """`outcome(points)` is that of the execution in which the bot died at these.

    Single points are shared out among executions, far from one another on the way, so that each
    has several deaths; a point that the deaths before it took away gets one of its own. `stories`
    are deaths in a row. `new_database` makes one for each bot; otherwise it is a SQLite file.
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
        self._launchpad, self._folder, self._new_database = prefork_server, folder, new_database
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
        """Waits for it; raises what went wrong in its execution."""
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
        return PointRunner(self._launchpad, folder, database)


def batches(points: Sequence[str]) -> list[Deaths]:
    """Each a few points that are far from one another, in their order."""
    alone = [(point,) for point in points if at_first_start(point)]
    others = [point for point in points if not at_first_start(point)]
    runs = -(-len(others) // DEATHS_A_RUN)
    return [*alone, *(tuple(others[first::runs]) for first in range(runs))]
