"""Kills at random times: of any process under load, or of whole bots in one execution."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import psutil

from tests.support.processes import alive
from tests.trouble.load.load import Fault, Load

POLL: Final = 0.01
TARGETS: Final = {
    "process": 30,  # a server or worker alone: what it started must end by itself
    "family": 20,  # … and everything that it started
    "forkserver": 15,  # the process that forks the children
    "child": 20,  # a process that runs a phase
    "program": 15,  # a program that a child has started
}


@dataclass
class Kills(Fault):
    """`kills` kills, each after a pause of up to `longest_pause` seconds."""

    kills: int
    longest_pause: float = 1.8
    may_fail_tries = True

    def strike(self, load: Load, over: threading.Event) -> None:
        while load.counts["kills"] < self.kills:
            if over.wait(load.random.uniform(0.0, self.longest_pause)):
                return
            self._kill(load)

    def _kill(self, load: Load) -> None:
        target = load.random.choices([*TARGETS], weights=[*TARGETS.values()])[0]
        family = load.random.choice(load.processes.bots).family()
        if not family:
            return
        if target == "process":
            victims, orphans = family[:1], family[1:]
        elif target == "family":
            victims, orphans = family, []
        else:
            below = _below(family[0], family[1:], depth=[*TARGETS].index(target) - 1)
            if not below:
                return
            victims, orphans = [load.random.choice(below)], []
        load.disturbed()
        load.processes.kill(victims, orphans=orphans)
        load.counts["kills"] += 1
        load.counts[f"of a {target}"] += 1


def _below(
    root: psutil.Process, family: list[psutil.Process], *, depth: int
) -> list[psutil.Process]:
    """The processes that are `depth` generations below the root."""
    parents: dict[int, int] = {}
    for process in alive(family):
        with suppress(psutil.NoSuchProcess):
            parents[process.pid] = process.ppid()
    below = []
    for process in family:
        generations, pid = 0, process.pid
        while pid in parents:
            generations, pid = generations + 1, parents[pid]
        if pid == root.pid and generations == depth:
            below.append(process)
    return below


@dataclass
class BotKills(Fault):
    """Up to `kills` kills of whole bots in one execution, alone or with everything they started.

    A kill comes up to `longest` seconds after one of the next messages or, one time in three, up to
    `start` seconds after the bots run again, while they start.
    """

    kills: int
    start: float
    longest: float = 0.7
    most_messages: int = 8
    moments: list[str] = field(default_factory=list)

    def deaths(self) -> int:
        return len(self.moments)

    def strike(self, load: Load, over: threading.Event) -> None:
        for _ in range(self.kills):
            if not self._kill(load, over):
                return

    def _kill(self, load: Load, over: threading.Event) -> bool:
        if not _wait(load.processes.all_run, over):
            return False
        journal = load.workspace.practice.workspace.journal
        at_start = load.random.random() < 1 / 3
        messages = 0 if at_start else load.random.randint(1, self.most_messages)
        until = len(journal) + messages
        if not _wait(lambda: len(journal) >= until, over):
            return False
        after = load.random.uniform(0, self.start if at_start else self.longest)
        if over.wait(after):
            return False
        bot = load.random.choice(load.processes.bots)
        if family := bot.family():
            alone = load.random.random() < 0.5
            load.disturbed(excuses=False)
            load.processes.kill(family[:1] if alone else family, orphans=family[1:])
            load.counts["kills"] += 1
            since = "the last start" if at_start else f"message {messages}"
            self.moments.append(f"{bot.name}, {after:.2f} s after {since}")
        return _wait(lambda: not bot.runs() or bot.family()[:1] != family[:1], over)


def _wait(condition: Callable[[], bool], over: threading.Event) -> bool:
    while not condition():
        if over.wait(POLL):
            return False
    return True
