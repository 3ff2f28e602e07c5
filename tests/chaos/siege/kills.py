"""Kills of random processes at random moments."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import psutil

from tests.chaos.siege.siege import Siege
from tests.support.processes import alive

LONGEST_PAUSE: Final = 1.8
WHOM: Final = {
    "process": 30,  # one that serves or works, alone: what it started must end by itself
    "family": 20,  # … and all that it started
    "nursery": 15,  # what the children are forked from
    "child": 20,  # in which a phase runs
    "program": 15,  # what the child has started
}


@dataclass
class Kills:
    """So many. Between two of them up to a moment in which nothing is killed."""

    kills: int
    longest_pause: float = LONGEST_PAUSE

    def strike(self, siege: Siege, over: threading.Event) -> None:
        while siege.counts["kills"] < self.kills:
            if over.wait(siege.random.uniform(0.0, self.longest_pause)):
                return
            self._kill(siege)

    def _kill(self, siege: Siege) -> None:
        whom = siege.random.choices([*WHOM], weights=[*WHOM.values()])[0]
        bot = siege.random.choice(siege.fleet.bots)
        family = bot.family()
        if not family:
            return
        if whom == "process":
            victims, orphans = family[:1], family[1:]
        elif whom == "family":
            victims, orphans = family, []
        else:
            below = _below(family[0], family[1:], depth=[*WHOM].index(whom) - 1)
            if not below:
                return
            victims, orphans = [siege.random.choice(below)], []
        siege.disturbed()
        siege.fleet.kill(victims, orphans=orphans)
        siege.counts["kills"] += 1
        siege.counts[f"of a {whom}"] += 1


def _below(
    root: psutil.Process, family: list[psutil.Process], *, depth: int
) -> list[psutil.Process]:
    """Those that are so many generations below the root."""
    parents: dict[int, int] = {}
    for process in alive(family):
        with suppress(psutil.NoSuchProcess):
            parents[process.pid] = process.ppid()
    found = []
    for process in family:
        generations, pid = 0, process.pid
        while pid in parents:
            generations, pid = generations + 1, parents[pid]
        if pid == root.pid and generations == depth:
            found.append(process)
    return found
