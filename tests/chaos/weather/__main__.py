"""Crowds, Slack's bad weather and clocks, as long as one likes.

    python -m tests.chaos.weather --kind races --races 10000 --database postgresql --seed 7

Prints the seed, figures and what was wrong. The exit code is 1 if anything was. The same seed
gives the same acts, not the same course: that depends on how fast the machine is.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import Final

from tests.chaos.weather.audience import audience
from tests.chaos.weather.clocks import JUMPS, clocks
from tests.chaos.weather.crowd import crowd
from tests.chaos.weather.day import day
from tests.chaos.weather.ground import DATABASES, ground
from tests.chaos.weather.races import races
from tests.chaos.weather.slack import cases, weather

MOST_SHOWN: Final = 40


@dataclass(frozen=True)
class Report:
    """What a kind of weather did, in lines, and all that was wrong."""

    lines: Sequence[str]
    wrong: Sequence[str]


def _crowd(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    with ground(database) as url:
        figures = crowd(url, rounds=wanted.rounds, clicks=wanted.clicks, seed=seed)
    return Report(figures.lines(), figures.wrong)


def _audience(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    with ground(database) as url:
        figures = audience(url, rounds=wanted.rounds, people=wanted.people, seed=seed)
    return Report(figures.lines(), figures.wrong)


def _races(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    with ground(database) as url:
        figures = races(url, count=wanted.races, seed=seed)
    return Report(figures.lines_told(), figures.wrong)


def _slack(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    chosen = [*cases()]
    Random(seed).shuffle(chosen)
    say = _say if wanted.verbose else str
    with ground(database) as url:
        figures = weather(url, chosen[: wanted.cases], seed=seed, say=say)
    return Report(figures.lines(), figures.wrong)


def _clocks(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    with ground(database) as url, tempfile.TemporaryDirectory(prefix="clocks-") as folder:
        figures = clocks(url, Path(folder), jumps=tuple(wanted.jumps), seed=seed)
    return Report(figures.lines(), figures.wrong)


def _day(wanted: argparse.Namespace, database: str, seed: int) -> Report:
    with ground(database) as url:
        figures = day(url, runs=wanted.runs, seed=seed)
    return Report(figures.lines(), figures.wrong)


KINDS: Final[dict[str, Callable[[argparse.Namespace, str, int], Report]]] = {
    "crowd": _crowd,
    "audience": _audience,
    "races": _races,
    "slack": _slack,
    "clocks": _clocks,
    "day": _day,
}


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    seed = randbelow(1_000_000) if wanted.seed is None else wanted.seed
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that nothing started here stays
    kinds = [*KINDS] if wanted.kind == "all" else [wanted.kind]
    databases = DATABASES if wanted.database == "both" else (wanted.database,)
    wrong = 0
    for kind in kinds:
        for database in databases:
            _say(f"{kind} on {database}, seed {seed}")
            began = time.monotonic()
            report = KINDS[kind](wanted, database, seed)
            wrong += len(report.wrong)
            for line in report.lines:
                _say(f"    {line}")
            _say(f"    {time.monotonic() - began:.0f} s, {len(report.wrong)} violations")
            for line in report.wrong[:MOST_SHOWN]:
                _say(f"    ✗ {line}")
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.weather", description=__doc__)
    parser.add_argument("--kind", choices=[*KINDS, "all"], default="all")
    parser.add_argument("--database", choices=[*DATABASES, "both"], default="both")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    parser.add_argument("--rounds", type=int, default=100, help="how often (default: 100)")
    parser.add_argument("--clicks", type=int, default=1000, help="crowd: at once (default: 1000)")
    parser.add_argument("--people", type=int, default=200, help="audience (default: 200)")
    parser.add_argument("--races", type=int, default=10_000, help="races (default: 10000)")
    parser.add_argument("--cases", type=int, default=None, help="slack (default: all)")
    parser.add_argument("--verbose", action="store_true", help="slack: tell of each case")
    parser.add_argument(
        "--jumps",
        type=float,
        nargs="+",
        default=JUMPS,
        help="clocks: in seconds (default: 1 s to 1 year, forward and back)",
    )
    parser.add_argument("--runs", type=int, default=2000, help="day (default: 2000)")
    return parser


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
