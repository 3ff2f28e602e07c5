"""Whole bots killed in one run after another, as many times as one likes."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from tests.chaos.kinds import Kind
from tests.chaos.said import say
from tests.chaos.storm import Storm, Weather

MOST_AT_ONCE: Final = 5


@dataclass(frozen=True)
class Series:
    """What came of runs of one kind."""

    runs: int
    kills: int
    broken: int
    seconds: float


def series(kind: Kind, kills: int, random: Random) -> Series:
    """Runs until so many kills were made. A run that does not end at all ends the series."""
    began = time.monotonic()
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
    return Series(
        runs=len(storms),
        kills=sum(len(storm.kills) for storm in storms),
        broken=sum(bool(storm.wrong) for storm in storms),
        seconds=time.monotonic() - began,
    )


def _one(weather: Weather, kills: int) -> Storm:
    began = time.monotonic()
    try:
        return weather.storm(kills)
    except AssertionError as error:
        seconds = time.monotonic() - began
        return Storm(weather.kills, [str(error)], seconds, never_ended=True)


def _report(kind: Kind, number: int, storm: Storm) -> None:
    verdict = "BROKEN" if storm.wrong else "well"
    say(
        f"{kind.name} run {number}: {verdict} after {len(storm.kills)} kills, {storm.seconds:.1f} s"
    )
    for kill in storm.kills:
        say(f"    killed {kill}")
    for wrong in storm.wrong:
        say(f"    ✗ {wrong}")
