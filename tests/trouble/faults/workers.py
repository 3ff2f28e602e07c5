"""Kills workers one after another, and suspends some past their lease before they continue."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import psutil

from tests.trouble.load.load import LEASE, Fault, Load
from tests.trouble.load.processes import Process

REFUSED: Final = ("phase.lease_lost", "outcome=lost")
"""Logged by a worker if the fence refused its write."""

CLAIMS_WITHIN: Final = 10.0
TAKEN_WITHIN: Final = 4 * LEASE
REFUSED_WITHIN: Final = 6.0
POLL: Final = 0.02

Lease: TypeAlias = tuple[str, int]


def workers(count: int, *, slots: int) -> tuple[tuple[str, ...], ...]:
    """The commands of a bot that only serves and of `count` workers."""
    worker = ("worker", "--workers", str(slots))
    return (("serve", "--workers", "0"), *(worker for _ in range(count)))


@dataclass
class WorkerKills(Fault):
    """Kills a worker every `every` seconds, alone or with everything it started.

    It does so `kills` times, or until the load ends if `kills` is None.

    A worker is spared until it has ended `worth` phases since its start: on a very busy machine,
    nothing would ever complete otherwise. `stops`: one in five is suspended instead, alone or with
    the program that it waits for, until another worker has its lease.
    """

    kills: int | None
    every: float = 2.0
    worth: int = 0
    stops: bool = False
    _threads: list[threading.Thread] = field(default_factory=list)
    _suspended: set[int] = field(default_factory=set)

    def strike(self, load: Load, over: threading.Event) -> None:
        round_ = 0
        while not self._has_killed_all(load) and not over.wait(self.every):
            round_ += 1
            if self.stops and round_ % 5 == 1:
                self._suspend_one(load, over)
            else:
                self._kill_one(load, over)
        for thread in self._threads:
            thread.join()

    def _has_killed_all(self, load: Load) -> bool:
        return self.kills is not None and load.counts["kills"] >= self.kills

    def _kill_one(self, load: Load, over: threading.Event) -> None:
        while not (victims := self._to_kill(load)):
            if over.wait(POLL) or self.stops:
                return
        family = load.random.choice(victims).family()
        if not family:
            return
        alone = load.random.random() < 0.5
        load.disturbed(excuses=self.stops)
        load.processes.kill(family[:1] if alone else family, orphans=family[1:])
        load.counts["kills"] += 1

    def _to_kill(self, load: Load) -> list[Process]:
        return [
            bot
            for number, bot in enumerate(load.processes.bots)
            if number and number not in self._suspended and bot.logged("phase.ended") >= self.worth
        ]

    def _suspend_one(self, load: Load, over: threading.Event) -> None:
        """Suspend a worker that has a phase, so that it completes the phase too late."""
        deadline = time.monotonic() + CLAIMS_WITHIN
        while not self._suspended and time.monotonic() < deadline and not over.wait(POLL):
            for number, bot in enumerate(load.processes.bots):
                family = bot.family()
                if number == 0 or not family or not _leases(load, family[0].pid):
                    continue
                suspended = family if load.random.random() < 0.5 else family[:1]
                load.disturbed()
                _send(suspended, signal.SIGSTOP)
                if leases := _leases(load, family[0].pid):  # it still has a phase
                    self._suspended.add(number)
                    arguments = (load, number, bot, suspended, leases, over)
                    self._threads.append(threading.Thread(target=self._resume, args=arguments))
                    self._threads[-1].start()
                    return
                _send(suspended, signal.SIGCONT)

    def _resume(
        self,
        load: Load,
        number: int,
        bot: Process,
        suspended: list[psutil.Process],
        leases: set[Lease],
        over: threading.Event,
    ) -> None:
        """Resume the worker when its leases have expired and other workers have its phases."""
        refusals_before = _refusals(bot)
        deadline = time.monotonic() + TAKEN_WITHIN
        while leases & _leases(load, suspended[0].pid) and time.monotonic() < deadline:
            if over.wait(POLL):
                break
        _send(suspended, signal.SIGCONT)
        load.counts["stopped past the lease"] += 1
        deadline = time.monotonic() + REFUSED_WITHIN
        while time.monotonic() < deadline and _refusals(bot) == refusals_before:
            time.sleep(POLL)
        load.counts["refused by the fence"] += _refusals(bot) - refusals_before
        self._suspended.discard(number)


def _leases(load: Load, pid: int) -> set[Lease]:
    """The phase runs that this process has leased, with their fences."""
    return {
        (row["id"], row["fence"])
        for row in load.database.open_runs()
        if row["state"] == "running" and row["lease_owner"].rsplit("/", 2)[1] == str(pid)
    }


def _refusals(bot: Process) -> int:
    log = bot.log_text
    return sum(log.count(event) for event in REFUSED)


def _send(processes: list[psutil.Process], signal_: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal_)
