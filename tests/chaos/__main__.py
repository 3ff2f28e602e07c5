"""Random kills of the whole bot, as many as one likes.

    python -m tests.chaos --kind all --kills 30 --seed 7

Prints the seed, what was killed when, and how each run came out. The exit code is 1 if anything
was lost, doubled or left behind. The same seed gives the same moments, not the same course: that
depends on how fast the machine is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from secrets import randbelow

from tests.chaos.kinds import KINDS, Kind
from tests.chaos.storm import Storm, Weather

MOST_AT_ONCE = 5
SERIES = {"both": ["command", "crew"], "all": [*KINDS]}


def main(arguments: Sequence[str]) -> int:
    wanted = _parser().parse_args(arguments)
    kinds = [KINDS[name] for name in SERIES.get(wanted.kind, [wanted.kind])]
    seed = randbelow(1_000_000) if wanted.seed is None else wanted.seed
    _say(f"seed {seed}")
    random = Random(seed)
    outcomes: list[tuple[Kind, int, int, int, float]] = []
    for kind in kinds:
        began = time.monotonic()
        storms = _storms(kind, wanted.kills, Random(random.random()))
        kills = sum(len(storm.kills) for storm in storms)
        broken = sum(bool(storm.wrong) for storm in storms)
        outcomes.append((kind, len(storms), kills, broken, time.monotonic() - began))
    _say("")
    _say(f"{'kind':10}{'runs':>6}{'kills':>7}{'broken':>8}{'seconds':>9}")
    for kind, runs, kills, broken, seconds in outcomes:
        _say(f"{kind.name:10}{runs:6}{kills:7}{broken:8}{seconds:9.0f}")
    return 1 if any(broken for *_, broken, _ in outcomes) else 0


def _storms(kind: Kind, kills: int, random: Random) -> list[Storm]:
    """Runs until so many kills were made. A run that does not end at all ends the series."""
    storms: list[Storm] = []
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        Weather(Path(folder), kind, random) as weather,
    ):
        while (left := kills - sum(len(storm.kills) for storm in storms)) > 0:
            storm = _one(weather, min(left, random.randint(1, MOST_AT_ONCE)))
            storms.append(storm)
            _report(kind, len(storms), storm)
            if storm.never_ended:
                break
    return storms


def _one(weather: Weather, kills: int) -> Storm:
    began = time.monotonic()
    try:
        return weather.storm(kills)
    except AssertionError as error:
        seconds = time.monotonic() - began
        return Storm(weather.kills, [str(error)], seconds, never_ended=True)


def _report(kind: Kind, number: int, storm: Storm) -> None:
    verdict = "BROKEN" if storm.wrong else "well"
    _say(
        f"{kind.name} run {number}: {verdict} after {len(storm.kills)} kills, {storm.seconds:.1f} s"
    )
    for kill in storm.kills:
        _say(f"    killed {kill}")
    for wrong in storm.wrong:
        _say(f"    ✗ {wrong}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--kind",
        choices=[*KINDS, *SERIES],
        default="all",
        help="a program, real CrewAI, both of these, or also a pair of bots and a bot that Slack "
        "reaches over HTTP (default: all)",
    )
    parser.add_argument("--kills", type=int, default=30, help="of each kind (default: 30)")
    parser.add_argument("--seed", type=int, default=None, help="default: another one each time")
    return parser


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
