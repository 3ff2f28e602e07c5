"""Scenario: a busy bot's day in a few minutes, to find what keeps growing although all runs end.

The bot is a separate process with its Slack side, use cases, ticks and a worker; its clock moves
on by an equal share of the day for each run. People act in the workspace. At intervals the bot
reports its memory, threads and open files, and the scenario counts rows that should disappear; a
least-squares fit yields the growth per thousand runs.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from random import Random
from statistics import linear_regression
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
from tests.slack.stage import DeferredSignal, MovableClock
from tests.support.factories import crew, output, rule
from tests.support.processes import wait_until
from tests.support.workspace import Workspace
from tests.trouble.contention.peers import peers
from tests.trouble.db import UNSHOWN, Database
from tests.trouble.load.crowd import Crowd, add_people
from tests.trouble.load.journal import Journal
from tests.trouble.load.plans import Kind, Move, Plan
from tests.trouble.load.rest import RestClient
from tests.trouble.load.reviewer import review
from tests.trouble.slack.stage import FAST

TIME_PER_RUN: Final = timedelta(days=1) / 2000
"""The share of a day for each run: less than the lease of a message in the outbox."""

WARM_UP: Final = 0.3
"""The share of the runs that is not measured, while caches fill and pools open."""

MAX_OPEN: Final = 12
SAMPLES: Final = 40
PLAN: Final = Kind("plan", {}, marked=False)
MOVES: Final = {
    Move.CONTINUE: 70,
    Move.SKIP: 10,
    Move.STOP: 5,
    Move.MENTION: 10,
    Move.LEAVE: 5,  # until the deadline
}
WITHIN: Final = 120.0

BOUNDS: Final = {
    "megabytes": 8.0,
    "threads outside pools": 1.0,
    "places in pools": 0.0,
    "files": 1.0,
    "sockets": 10.0,
    "rows not at rest": 2.0,
}
"""The most growth per thousand runs. A pool starts up to one thread per place at peaks and keeps
them, so the places in pools are bounded instead of their threads. Sockets come and go, and a sample
may find some more of them open than the one before."""

IN_PROGRESS: Final = f"""
    SELECT (SELECT count(*) FROM executions WHERE state IN ('pending', 'running'))
         + (SELECT count(*) FROM phase_runs WHERE state IN ('queued', 'running'))
         + (SELECT count(*) FROM checkpoints WHERE state = 'pending')
         + (SELECT count(*) FROM outbox WHERE {UNSHOWN})
"""
"""The rows still in progress: none may remain when nothing is running."""


KEPT_FOR_A_WHILE: Final = """
    SELECT (SELECT count(*) FROM rate_limits) + (SELECT count(*) FROM revise_intents)
         + (SELECT count(*) FROM outbox WHERE lease_owner IS NOT NULL)
         + (SELECT count(*) FROM phase_runs WHERE lease_owner IS NOT NULL)
"""
"""The rows that are kept for a while only, and must disappear with time."""


@dataclass(frozen=True)
class Sample:
    """The values after `runs` runs, when none of them is open."""

    runs: int
    values: Mapping[str, float]


@dataclass
class Figures:
    runs: int = 0
    samples: list[Sample] = field(default_factory=list)
    ended: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def slopes(self) -> dict[str, float]:
        """The growth of each value per thousand runs, after the warm-up."""
        measured = [sample for sample in self.samples if sample.runs >= WARM_UP * self.runs]
        runs = [sample.runs for sample in measured]
        return {
            name: 1000 * linear_regression(runs, [s.values[name] for s in measured]).slope
            for name in BOUNDS
        }

    def lines(self) -> list[str]:
        first, last = self.samples[0], self.samples[-1]
        lines = [f"{self.runs} runs of a day; ended: {self.ended}"]
        for name, growth in self.slopes().items():
            lines.append(
                f"{name}: {first.values[name]:.0f} at first, {last.values[name]:.0f} at last, "
                f"{growth:+.2f} per thousand runs (bound {BOUNDS[name]:g})"
            )
        return lines


def day(url: str, *, runs: int, seed: int) -> Figures:
    random, figures, database = Random(seed), Figures(runs=runs), Database(url)
    with Workspace() as workspace, peers(live, (url, workspace.env())) as (bot,):
        workspace.wait_until_connected(30)
        crowd = _crowd(workspace, database)
        batch = max(1, runs // SAMPLES)
        try:
            for start in range(0, runs, batch):
                for number in range(start, min(start + batch, runs)):
                    crowd.start(_plan(number, random))
                    _request(bot, "on", TIME_PER_RUN.total_seconds())
                    _wait(lambda: len(crowd.unfinished(database.states())) <= MAX_OPEN)
                _wait(lambda: not crowd.unfinished(database.states()))
                _request(bot, "on", 3700.0)  # past the deadline of any undecided checkpoint
                _wait(lambda: database.number(IN_PROGRESS) == 0)
                values = _request(bot, "sample", 0.0)
                values["rows not at rest"] = float(database.number(KEPT_FOR_A_WHILE))
                figures.samples.append(Sample(start + batch, values))
        finally:
            crowd.close()
    figures.wrong += crowd.journal.broken
    figures.ended = dict(sorted(Counter(e.state for e in database.executions()).items()))
    if sum(figures.ended.values()) != runs:
        figures.wrong.append(f"{runs} runs were started, but these are recorded: {figures.ended}")
    figures.wrong += [f"runs are {s}" for s in figures.ended if s not in ("completed", "stopped")]
    figures.wrong += [
        f"{name} grow by {growth:.2f} per thousand runs"
        for name, growth in figures.slopes().items()
        if growth > BOUNDS[name]
    ]
    return figures


def _request(bot: Pipe, act: str, amount: float) -> dict[str, float]:
    bot.send((act, amount))
    answer: dict[str, float] = bot.recv()
    return answer


# --- people -----------------------------------------------------------------------------------


def _crowd(workspace: Workspace, database: Database) -> Crowd:
    journal = Journal()
    add_people(workspace)
    rest = RestClient("http://127.0.0.1:9", journal)  # not used in this scenario
    crowd = Crowd(workspace, rest, journal, database=database, recorded_within=2.0)
    crowd.open(review)
    return crowd


def _plan(number: int, random: Random) -> Plan:
    """A plan with one random move at the checkpoint, and Continue after a revision."""
    [move] = random.choices([*MOVES], weights=[*MOVES.values()])
    moves = (move, Move.CONTINUE) if move is Move.MENTION else (move,)
    return Plan(f"t{number:04}q{random.getrandbits(32):08x}", PLAN, moves)


def _wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, within=WITHIN, what="the open executions end")


# --- the bot ----------------------------------------------------------------------------------


def live(url: str, env: Mapping[str, str], pipe: Pipe) -> None:
    """The bot's process, with a clock that moves on request."""
    _track_pools()
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
                for forget in (state.delete_old_deliveries, state.delete_expired):
                    forget()
            front.deliver_due()
            pipe.send(_values(process))


_pools: Final[WeakSet[ThreadPoolExecutor]] = WeakSet()
"""All thread pools in the bot's process, including those of libraries."""


def _track_pools() -> None:
    init = ThreadPoolExecutor.__init__

    def counting_init(pool: ThreadPoolExecutor, *arguments: Any, **named: Any) -> None:
        init(pool, *arguments, **named)
        _pools.add(pool)

    ThreadPoolExecutor.__init__ = counting_init  # type: ignore[assignment,method-assign]  # in libraries too


def _values(process: psutil.Process) -> dict[str, float]:
    gc.collect()  # a pool without references lets its threads end
    in_pools = sum(thread.is_alive() for pool in _pools for thread in pool._threads)
    sockets = len(process.net_connections("all"))
    return {
        "megabytes": process.memory_info().rss / 1e6,
        "threads outside pools": float(process.num_threads() - in_pools),
        "places in pools": float(sum(pool._max_workers for pool in _pools)),
        "files": float(process.num_fds() - sockets),
        "sockets": float(sockets),
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
        timing=FAST,
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
