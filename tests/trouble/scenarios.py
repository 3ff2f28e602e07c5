"""The table of scenarios: every kind of trouble, with its usual size and its databases.

The sizes are such that all of them together take less than an hour on two cores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from tests.trouble import load_scenarios as load
from tests.trouble.clock_jumps import clock_jumps
from tests.trouble.contention.audience import audience
from tests.trouble.contention.clicks import clicks
from tests.trouble.contention.races import races
from tests.trouble.day import day
from tests.trouble.db import DATABASES, new_database
from tests.trouble.faults.failpoints import POINTS, RECOVERIES
from tests.trouble.load.plans import SHIPPED
from tests.trouble.result import Options, Result
from tests.trouble.slack.cases import slack_answers


class Figures(Protocol):
    wrong: list[str]

    def lines(self) -> list[str]: ...


@dataclass(frozen=True)
class Scenario:
    """`size` counts `unit`s; `people` click in each round."""

    about: str
    run: Callable[[Options], Result]
    size: int
    unit: str
    databases: Sequence[str] = DATABASES
    people: int = 0


def _on_new_database(run: Callable[[str, Options], Figures]) -> Callable[[Options], Result]:
    def scenario(options: Options) -> Result:
        with new_database(options.database) as url:
            figures = run(url, options)
        return Result(figures.lines(), figures.wrong)

    return scenario


def _clicks(url: str, options: Options) -> Figures:
    return clicks(url, rounds=options.size, people=options.people, seed=options.seed)


def _audience(url: str, options: Options) -> Figures:
    return audience(url, rounds=options.size, people=options.people, seed=options.seed)


def _races(url: str, options: Options) -> Figures:
    return races(url, count=options.size, seed=options.seed)


def _slack(url: str, options: Options) -> Figures:
    return slack_answers(url, count=options.size, seed=options.seed, say=options.say)


def _clocks(url: str, options: Options) -> Figures:
    with tempfile.TemporaryDirectory(prefix="clocks-") as folder:
        return clock_jumps(url, Path(folder), count=options.size, seed=options.seed)


def _day(url: str, options: Options) -> Figures:
    return day(url, runs=options.size, seed=options.seed)


SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)

SCENARIOS: Final[dict[str, Scenario]] = {
    "bot": Scenario(
        "a whole bot dies at random moments of one execution after another",
        load.bots(),
        8,
        "kills",
        SQLITE,
    ),
    "shipped": Scenario(
        "the same, with the shipped crew in real CrewAI",
        load.bots(kind=SHIPPED, start=6.0),
        6,
        "kills",
        SQLITE,
    ),
    "pair": Scenario(
        "the same with two bots on one database", load.bots(count=2), 8, "kills", SQLITE
    ),
    "http": Scenario(
        "the same with Slack reaching the bot over HTTP", load.bots(mode="http"), 8, "kills", SQLITE
    ),
    "points": Scenario(
        "a bot dies before and after each commit, call and acknowledgement of an execution",
        load.points,
        len(POINTS) + len(RECOVERIES),
        "points and rows of points",
    ),
    "kills": Scenario("random processes die under load", load.kills, 30, "kills"),
    "workers": Scenario(
        "of four workers one dies every two seconds, and some are stopped past their lease",
        load.worker_kills,
        30,
        "kills",
        POSTGRESQL,
    ),
    "server": Scenario(
        "PostgreSQL crashes, restarts, locks tables, cuts or runs out of connections",
        load.server,
        7,
        "faults",
        POSTGRESQL,
    ),
    "disk": Scenario(
        "SQLite's file is locked, its disk full or failing (needs root and strace)",
        load.disk,
        8,
        "faults",
        SQLITE,
    ),
    "calls": Scenario(
        "processes end at their Nth flush, write and send (needs strace)",
        load.calls,
        8,
        "highest N",
    ),
    "storm": Scenario(
        "executions of all kinds of crews while a worker dies every five seconds",
        load.storm,
        40,
        "executions",
        SQLITE,
    ),
    "clicks": Scenario(
        "people click on one checkpoint at once, in bots of several processes",
        _on_new_database(_clicks),
        30,
        "rounds",
        people=1000,
    ),
    "audience": Scenario(
        "people click on one checkpoint in Slack at once, over the sockets of two bots",
        _on_new_database(_audience),
        15,
        "rounds",
        people=200,
    ),
    "races": Scenario(
        "click, another click, reply, REST, cancel and deadline race for one checkpoint",
        _on_new_database(_races),
        1500,
        "races",
    ),
    "slack": Scenario(
        "Slack gives any of its answers to any call of the bot",
        _on_new_database(_slack),
        100,
        "answers, of 1,338",
    ),
    "clocks": Scenario(
        "the clock of a bot jumps by a second to a year (needs libfaketime)",
        _on_new_database(_clocks),
        4,
        "jumps, of 10",
    ),
    "day": Scenario(
        "a busy bot's day passes in minutes; what grows although everything ends?",
        _on_new_database(_day),
        500,
        "executions",
    ),
}
