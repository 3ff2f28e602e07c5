"""A day of a busy bot in some minutes: what grows although everything ends?

The bot is a process of its own, with its Slack side, its use cases, its ticks and a worker, and a
clock that is moved by the share of the day that a run has. People live in the workspace beside it.
From time to time it tells its memory, threads and open files, and how many rows are not at rest;
over these, least squares tell how much comes with each thousand runs.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from multiprocessing.connection import Connection as Pipe
from random import Random
from threading import Event, Thread
from typing import Any, Final
from weakref import WeakSet

import psutil

from bot.slack.app import SlackConfig, SlackFront
from storage.db.engines import open_engine
from storage.errors import Busy
from storage.outbox.outbox import Outbox
from storage.ports import NoDispatch
from storage.reads import Reads
from storage.state_manager import StateManager
from tests.chaos.weather.ground import Books
from tests.chaos.weather.house import FAST
from tests.chaos.weather.peers import peers
from tests.slack.stage import DeferredSignal, MovableClock
from tests.support.factories import crew, output, rule
from tests.support.message_snapshot import MessageSnapshot as Shown
from tests.support.workspace import ANA, BEN, Workspace

A_DAY: Final = timedelta(days=1)
WARM_UP: Final = 0.3
"""The share of the runs before which nothing is counted: caches fill, pools open."""

MOST_OPEN: Final = 12
SAMPLES: Final = 40
CHANCES: Final = (70, 10, 5, 10, 5)
"""Of what is done at a checkpoint: Continue, Skip, Stop, a reply, nothing until its deadline."""
WITHIN: Final = 120.0

BOUNDS: Final = {
    "megabytes": 8.0,
    "threads outside pools": 1.0,
    "places in pools": 0.0,
    "files": 1.0,
    "rows not at rest": 2.0,
}
"""How much each may grow with a thousand runs. A pool takes a thread for each of its places when a
peak needs it, and keeps it: what may not grow is the pools."""

NOT_AT_REST: Final = """
    SELECT (SELECT count(*) FROM executions WHERE state IN ('pending', 'running'))
         + (SELECT count(*) FROM phase_runs WHERE state IN ('queued', 'running'))
         + (SELECT count(*) FROM checkpoints WHERE state = 'pending')
         + (SELECT count(*) FROM outbox WHERE state IN ('queued', 'sending')
                                          OR state = 'posted' AND shown_version < version)
"""
"""None of them may stay when nobody is at work."""


KEPT_A_WHILE: Final = """
    SELECT (SELECT count(*) FROM paces) + (SELECT count(*) FROM revise_intents)
         + (SELECT count(*) FROM outbox WHERE held_by IS NOT NULL)
         + (SELECT count(*) FROM phase_runs WHERE lease_owner IS NOT NULL)
"""
"""What is not of a run that has ended, and is to go with time."""


@dataclass(frozen=True)
class Sample:
    """After so many runs, with none of them open."""

    runs: int
    values: Mapping[str, float]


@dataclass
class Figures:
    runs: int = 0
    samples: list[Sample] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def slopes(self) -> dict[str, float]:
        """By how much each grows with a thousand runs, after the warm-up."""
        kept = [sample for sample in self.samples if sample.runs >= WARM_UP * self.runs]
        return {
            name: 1000 * slope([(sample.runs, sample.values[name]) for sample in kept])
            for name in BOUNDS
        }

    def lines(self) -> list[str]:
        first, last = self.samples[0], self.samples[-1]
        said = [f"{self.runs} runs of a day in {self.seconds:.0f} s; ended: {self.ended}"]
        for name, grows in self.slopes().items():
            said.append(
                f"{name}: {first.values[name]:.0f} at first, {last.values[name]:.0f} at last, "
                f"{grows:+.2f} a thousand runs (bound {BOUNDS[name]:g})"
            )
        return said


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line that fits best by least squares."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread


def day(url: str, *, runs: int, seed: int) -> Figures:
    figures, began = Figures(runs=runs), time.monotonic()
    with Workspace() as workspace, peers(live, (url, workspace.env())) as (bot,):
        workspace.wait_until_connected(30)
        people = _People(workspace, Random(seed))
        batch = max(1, runs // SAMPLES)
        for begun in range(0, runs, batch):
            for number in range(begun, min(begun + batch, runs)):
                people.ask(number)
                _tell(bot, "on", A_DAY.total_seconds() / runs)
                people.act_while(lambda: people.open(Books(url)) > MOST_OPEN)
            people.act_while(lambda: people.open(Books(url)) > 0)
            _tell(bot, "on", 3700.0)  # past the deadline of whoever is not decided
            people.act_while(lambda: Books(url).rows(NOT_AT_REST)[0][0] > 0)
            values = _tell(bot, "sample", 0.0)
            values["rows not at rest"] = float(Books(url).rows(KEPT_A_WHILE)[0][0])
            figures.samples.append(Sample(begun + batch, values))
    found = Books(url).rows("SELECT state, count(*) FROM executions GROUP BY state")
    figures.ended = dict(sorted((str(state), int(count)) for state, count in found))
    if sum(figures.ended.values()) != runs:
        figures.wrong.append(f"{runs} runs were asked for, and these are recorded: {figures.ended}")
    figures.wrong += [f"runs are {s}" for s in figures.ended if s not in ("completed", "stopped")]
    figures.wrong += [
        f"{name} grow by {grows:.2f} with a thousand runs"
        for name, grows in figures.slopes().items()
        if grows > BOUNDS[name]
    ]
    figures.seconds = time.monotonic() - began
    return figures


def _tell(bot: Pipe, act: str, amount: float) -> dict[str, float]:
    bot.send((act, amount))
    answer: dict[str, float] = bot.recv()
    return answer


# --- people -----------------------------------------------------------------------------------


@dataclass
class _People:
    """They ask and decide, at once or never; each thing they see is answered once."""

    workspace: Workspace
    random: Random
    _seen: int = 0
    _done: set[str] = field(default_factory=set)

    def ask(self, number: int) -> None:
        for _ in range(10):
            if self.workspace.command(f"/crew plan run {number}", by=ANA).ok:
                return
        raise AssertionError(f"run {number} could not be asked for")

    def open(self, books: Books) -> int:
        query = (
            "SELECT count(*) FROM executions e WHERE state IN ('pending', 'running') OR "
            "EXISTS (SELECT 1 FROM checkpoints c JOIN outbox o ON o.key = 'checkpoint:' || c.id "
            "WHERE c.execution_id = e.id AND c.state = 'pending' AND o.shown < 1)"
        )
        return int(books.rows(query)[0][0])

    def act_while(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + WITHIN
        while condition():
            assert time.monotonic() < until, f"waited {WITHIN:g} s\n{self.workspace.transcript()}"
            self._act()
            time.sleep(0.02)

    def _act(self) -> None:
        for shown in self._newly_armed():
            button = shown.button("Continue")
            if button is None or str(button.value) in self._done:
                continue
            self._done.add(str(button.value))
            self._decide(shown)

    def _decide(self, shown: Shown) -> None:
        match self.random.choices(["Continue", "Skip", "Stop", "reply", "nobody"], CHANCES)[0]:
            case "reply":
                self.workspace.mention("shorter, please", by=BEN, thread=shown)
            case "nobody":
                return
            case label:
                self.workspace.click(label, by=BEN, message=shown)

    def _newly_armed(self) -> Iterator[Shown]:
        journal = self.workspace.practice.workspace.journal
        new = self.workspace.call(lambda: list(journal)[self._seen :])
        self._seen += len(new)
        for version in new:
            if version.ephemeral_to is None and "checkpoint_continue" in str(version.blocks):
                found = self.workspace.practice.workspace.find(version.channel, version.ts)
                if found is not None:
                    yield self.workspace.call(partial(Shown.of, found))


# --- the bot ----------------------------------------------------------------------------------


def live(url: str, env: Mapping[str, str], pipe: Pipe) -> None:
    """A process: a bot whose clock goes on when it is told to."""
    _count_pools()
    with _bot(url, env) as (clock, state, front):
        process = psutil.Process()
        pipe.send("ready")
        while True:
            try:
                act, amount = pipe.recv()
            except EOFError:
                return
            clock.move(timedelta(seconds=amount))
            for tick in (state.expire_due, state.remind_due, state.recover):
                with suppress(Busy):
                    tick()
            if act == "sample":
                for forget in (state.forget_deliveries, state.forget_expired):
                    forget()
            front.deliver_due()
            pipe.send(_values(process))


_pools: Final[WeakSet[ThreadPoolExecutor]] = WeakSet()
"""Of the bot's process: whatever library has made them."""


def _count_pools() -> None:
    made = ThreadPoolExecutor.__init__

    def counted(pool: ThreadPoolExecutor, *arguments: Any, **named: Any) -> None:
        made(pool, *arguments, **named)
        _pools.add(pool)

    ThreadPoolExecutor.__init__ = counted  # type: ignore[assignment,method-assign]  # whoever makes one


def _values(process: psutil.Process) -> dict[str, float]:
    gc.collect()  # a pool that nobody holds any more has let its threads go
    in_pools = sum(thread.is_alive() for pool in _pools for thread in pool._threads)
    return {
        "megabytes": process.memory_info().rss / 1e6,
        "threads outside pools": float(process.num_threads() - in_pools),
        "places in pools": float(sum(pool._max_workers for pool in _pools)),
        "files": float(process.num_fds()),
    }


@contextmanager
def _bot(
    url: str, env: Mapping[str, str]
) -> Iterator[tuple[MovableClock, StateManager, SlackFront]]:
    clock, signal, over = MovableClock(), DeferredSignal(), Event()
    engine = open_engine(url)
    reads = Reads(engine)
    state = StateManager(engine, clock=clock, dispatch=NoDispatch(), signal=signal)
    config = SlackConfig(
        bot_token=env["SLACK_BOT_TOKEN"],
        signing_secret=env["SLACK_SIGNING_SECRET"],
        app_token=env["SLACK_APP_TOKEN"],
        api_url=env["SLACK_API_URL"],
    )
    hourly = crew(phases=("planning", "finalization"), after=("planning",), decided_by=rule())
    front = SlackFront(
        config=config,
        state=state,
        reads=reads,
        outbox=Outbox(engine, clock),
        crews={"plan": hourly},
        clock=clock,
        tempo=FAST,
    )
    signal.front = front
    worker = Thread(target=_work, args=(state, over), daemon=True)
    front.start()
    worker.start()
    try:
        yield clock, state, front
    finally:
        over.set()
        worker.join()
        front.stop(timedelta(seconds=3))
        engine.dispose()


def _work(state: StateManager, over: Event) -> None:
    while not over.is_set():
        with suppress(Busy):
            claim = state.claim("the worker of a day")
            if claim is None:
                over.wait(0.01)
            else:
                state.phase_done(claim, output("A draft.", tasks=("planning_task",)))
