"""Chaos: the bot killed, stopped, and left without its database, while people use it.

    python -m tests.chaos --kind kills --kills 500 --seeds 1,2,3
    python -m tests.chaos --kind server --kills 20

`command`, `crew`, `pair` and `http` kill whole bots in one run after another, of a program or of
real CrewAI. `points` kills them at every named point, on SQLite and on PostgreSQL.

Under sustained load `kills` kills random processes on SQLite and on PostgreSQL, `workers` kills and
stops four workers on PostgreSQL, `server` troubles PostgreSQL, `disk` SQLite's file, and `calls`
ends processes at the Nth fsync, write and send, for every N up to `--kills`.

Prints the seed, what was done, and what was wrong. The exit code is 1 if anything was lost,
doubled or left behind. The same seed gives the same moments, not the same course: that depends on
how fast the machine is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from secrets import randbelow

from tests.chaos.kinds import KINDS
from tests.chaos.lone import series
from tests.chaos.pointwise import at_every_point
from tests.chaos.said import say
from tests.chaos.siege.kinds import DATABASES, SIEGES
from tests.support.prefork_server import PreforkServer as Launchpad

SERIES = {
    "both": ["command", "crew"],
    "lone": [*KINDS],
    "sieges": [*SIEGES],
    "all": [*KINDS, "points", *SIEGES],
}
TIMES = {"server": 10, "disk": 8, "calls": 40}
"""How often by default, where it is not thirty times."""


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    broken = False
    for seed in wanted.seeds or [randbelow(1_000_000)]:
        say(f"seed {seed}")
        for kind in SERIES.get(wanted.kind, [wanted.kind]):
            times = wanted.kills or TIMES.get(kind, 30)
            if kind in KINDS:
                broken |= _alone(kind, times, seed)
            elif kind == "points":
                broken |= _at_points(wanted.database)
            else:
                broken |= _besieged(kind, times, seed, wanted.database)
    return 1 if broken else 0


def _alone(kind: str, times: int, seed: int) -> bool:
    done = series(KINDS[kind], times, Random(f"{seed}/{kind}"))
    say(f"{kind}: {done.runs} runs, {done.kills} kills, {done.broken} broken, {done.seconds:.0f} s")
    return bool(done.broken)


def _at_points(only: str | None) -> bool:
    broken = False
    for database in DATABASES:
        if only in (None, database):
            report = at_every_point(database)
            say(f"points on {database}: {report.words()}")
            broken |= bool(report.wrong)
    return broken


def _besieged(kind: str, times: int, seed: int, only: str | None) -> bool:
    besiege, databases = SIEGES[kind]
    broken = False
    for database in databases:
        if only in (None, database):
            with (
                tempfile.TemporaryDirectory(prefix="chaos-") as folder,
                Launchpad() as launchpad,
            ):
                report = besiege(launchpad, Path(folder), database=database, times=times, seed=seed)
            say(f"{kind} on {database}, seed {seed}: {report.words()}")
            broken |= bool(report.wrong)
    return broken


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--kind", choices=[*KINDS, "points", *SIEGES, *SERIES], default="all", help="default: all"
    )
    parser.add_argument(
        "--kills",
        type=int,
        default=None,
        help="of each kind, or other troubles of it (default: 30; server 10, disk 8, calls 40)",
    )
    parser.add_argument("--database", choices=DATABASES, default=None, help="default: both")
    parser.add_argument("--seed", dest="seeds", type=_seeds, help="default: another one each time")
    parser.add_argument("--seeds", type=_seeds, metavar="A,B,C", help="one after another")
    return parser


def _seeds(written: str) -> list[int]:
    return [int(seed) for seed in written.split(",")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
