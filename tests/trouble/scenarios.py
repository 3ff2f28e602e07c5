"""The table of scenarios: every kind of trouble, with its default size and its databases.

With the default sizes, all scenarios together take less than an hour on two cores.
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
    """`size` counts what `about` says; `people` click in each round. `on_request`: databases on
    which it runs only if they are named."""

    run: Callable[[Options], Result]
    size: int
    about: str
    databases: Sequence[str] = DATABASES
    on_request: Sequence[str] = ()
    people: int = 0


def _figures(run: Callable[[str, Options], Figures]) -> Callable[[Options], Result]:
    def scenario(options: Options) -> Result:
        with new_database(options.database) as url:
            figures = run(url, options)
        return Result(figures.lines(), figures.wrong)

    return scenario


def _clocks(url: str, o: Options) -> Figures:
    with tempfile.TemporaryDirectory(prefix="clocks-") as folder:
        return clock_jumps(url, Path(folder), count=o.size, seed=o.seed)


_clicks = _figures(lambda url, o: clicks(url, rounds=o.size, people=o.people, seed=o.seed))
_audience = _figures(lambda url, o: audience(url, rounds=o.size, people=o.people, seed=o.seed))
_races = _figures(lambda url, o: races(url, count=o.size, seed=o.seed))
_slack = _figures(lambda url, o: slack_answers(url, count=o.size, seed=o.seed, say=o.say))
_day = _figures(lambda url, o: day(url, runs=o.size, seed=o.seed))

SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)
ALL_POINTS: Final = len(POINTS) + len(RECOVERIES)

SCENARIOS: Final = {
    "bot": Scenario(load.bots(), 8, "kills of a whole bot at random times", SQLITE),
    "shipped": Scenario(
        load.bots(kind=SHIPPED, start=6.0), 6, "kills of a bot with the shipped crew", SQLITE
    ),
    "pair": Scenario(load.bots(count=2), 8, "kills of two bots on one database", SQLITE),
    "http": Scenario(
        load.bots(mode="http"), 8, "kills of a bot that Slack reaches over HTTP", SQLITE
    ),
    "points": Scenario(
        load.points, ALL_POINTS, "deaths before and after each commit, call and acknowledgement"
    ),
    "kills": Scenario(load.kills, 30, "kills of random processes under load"),
    "workers": Scenario(
        load.worker_kills, 20, "kills of four workers, some suspended past their lease", POSTGRESQL
    ),
    "server": Scenario(
        load.server,
        5,
        "times PostgreSQL crashes, restarts, locks tables or drops connections",
        POSTGRESQL,
    ),
    "disk": Scenario(
        load.disk, 8, "times SQLite is locked, full or failing (needs root and strace)", SQLITE
    ),
    "calls": Scenario(
        load.calls,
        6,
        "as the highest N: a process dies at its Nth flush, write or send (needs strace)",
    ),
    "storm": Scenario(load.storm, 40, "executions of all kinds of crews while workers die", SQLITE),
    "clicks": Scenario(_clicks, 30, "rounds of people who click on one checkpoint", people=1000),
    "audience": Scenario(
        _audience, 15, "rounds of people who click in Slack, over two sockets", people=200
    ),
    "races": Scenario(_races, 1500, "races of click, reply, REST, cancel and deadline"),
    "slack": Scenario(_slack, 80, "of the 1,338 answers that Slack may give to API calls"),
    "clocks": Scenario(_figures(_clocks), 3, "of ten jumps of a bot's clock (needs libfaketime)"),
    "day": Scenario(
        _day, 2000, "executions in a day: what keeps growing although they end?", SQLITE, POSTGRESQL
    ),
}
