"""Workers that die one after another, and some that stand still past their lease and go on."""

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
"""What a worker logs if the fence refused its write."""

CLAIMS_WITHIN: Final = 10.0
TAKEN_WITHIN: Final = 4 * LEASE
HEARD_WITHIN: Final = 6.0
LOOK: Final = 0.02

Lease: TypeAlias = tuple[str, int]


def workers(count: int, *, slots: int) -> tuple[tuple[str, ...], ...]:
    """The commands of a bot that only serves, and of so many workers."""
    worker = ("worker", "--workers", str(slots))
    return (("serve", "--workers", "0"), *(worker for _ in range(count)))


@dataclass
class WorkerKills(Fault):
    """One every `every` seconds, alone or with all that it started, up to `kills` or to the end.

    A worker is spared until it has ended `worth` phases since its start: on a machine so busy that
    none has by the next kill, nothing would ever get done. `stops`: one of five is stopped instead
    until its lease is another's, alone or with the program that it waits for, and continued.
    """

    kills: int | None
    every: float = 2.0
    worth: int = 0
    stops: bool = False
    _threads: list[threading.Thread] = field(default_factory=list)
    _stopped: set[int] = field(default_factory=set)

    def strike(self, load: Load, over: threading.Event) -> None:
        turn = 0
        while not self._has_killed_all(load) and not over.wait(self.every):
            turn += 1
            if self.stops and turn % 5 == 1:
                self._stop_one(load, over)
            else:
                self._kill_one(load, over)
        for thread in self._threads:
            thread.join()

    def _has_killed_all(self, load: Load) -> bool:
        return self.kills is not None and load.counts["kills"] >= self.kills

    def _kill_one(self, load: Load, over: threading.Event) -> None:
        while not (victims := self._to_kill(load)):
            if over.wait(LOOK) or self.stops:
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
            if number and number not in self._stopped and bot.logged("phase.ended") >= self.worth
        ]

    def _stop_one(self, load: Load, over: threading.Event) -> None:
        """One that holds a phase, so that its end comes too late."""
        deadline = time.monotonic() + CLAIMS_WITHIN
        while not self._stopped and time.monotonic() < deadline and not over.wait(LOOK):
            for number, bot in enumerate(load.processes.bots):
                family = bot.family()
                if number == 0 or not family or not _leases(load, family[0].pid):
                    continue
                stopped = family if load.random.random() < 0.5 else family[:1]
                load.disturbed()
                _send(stopped, signal.SIGSTOP)
                if leases := _leases(load, family[0].pid):  # still: it had not just ended
                    self._stopped.add(number)
                    words = (load, number, bot, stopped, leases, over)
                    self._threads.append(threading.Thread(target=self._continue, args=words))
                    self._threads[-1].start()
                    return
                _send(stopped, signal.SIGCONT)

    def _continue(
        self,
        load: Load,
        number: int,
        bot: Process,
        stopped: list[psutil.Process],
        leases: set[Lease],
        over: threading.Event,
    ) -> None:
        """When others have taken what it held, for its lease has run out."""
        before = _refusals(bot)
        deadline = time.monotonic() + TAKEN_WITHIN
        while leases & _leases(load, stopped[0].pid) and time.monotonic() < deadline:
            if over.wait(LOOK):
                break
        _send(stopped, signal.SIGCONT)
        load.counts["stopped past the lease"] += 1
        deadline = time.monotonic() + HEARD_WITHIN
        while time.monotonic() < deadline and _refusals(bot) == before:
            time.sleep(LOOK)
        load.counts["refused by the fence"] += _refusals(bot) - before
        self._stopped.discard(number)


def _leases(load: Load, pid: int) -> set[Lease]:
    """The phase runs that this process holds, with their fences."""
    return {
        (row["id"], row["fence"])
        for row in load.database.open_runs()
        if row["state"] == "running" and row["lease_owner"].rsplit("/", 2)[1] == str(pid)
    }


def _refusals(bot: Process) -> int:
    log = bot.log_text
    return sum(log.count(words) for words in REFUSED)


def _send(processes: list[psutil.Process], what: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(what)
