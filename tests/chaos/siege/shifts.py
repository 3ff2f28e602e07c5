"""Workers that die one after another, and some that stand still past their lease and go on."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import psutil

from tests.chaos.siege.siege import LEASE, Siege
from tests.support.launchpad import Bot

COMMANDS: Final = (
    ("serve", "--workers", "0"),
    *(("worker", "--workers", "2") for _ in range(4)),
)
EVERY: Final = 2.0
REFUSED: Final = ("phase.lease_lost", "outcome=lost")
"""What a worker says whose write was refused by the fence."""

HEARD_WITHIN: Final = 6.0
LOOK: Final = 0.1


@dataclass
class Shifts:
    """So many kills of workers, one every two seconds; one of five is stopped past its lease
    instead, alone or with the program that it waits for, and continued."""

    kills: int
    every: float = EVERY
    _stopped: list[threading.Thread] = field(default_factory=list)
    _still: set[int] = field(default_factory=set)

    def strike(self, siege: Siege, over: threading.Event) -> None:
        turn = 0
        while siege.counts["kills"] < self.kills and not over.wait(self.every):
            turn += 1
            if turn % 5 == 1:
                self._stop_one(siege, over)
            else:
                self._kill_one(siege)
        for thread in self._stopped:
            thread.join()

    def _kill_one(self, siege: Siege) -> None:
        awake = [bot for n, bot in enumerate(siege.fleet.bots) if n and n not in self._still]
        family = siege.random.choice(awake).family()
        if not family:
            return
        alone = siege.random.random() < 0.5
        siege.disturbed()
        siege.fleet.kill(family[:1] if alone else family, orphans=family[1:])
        siege.counts["kills"] += 1

    def _stop_one(self, siege: Siege, over: threading.Event) -> None:
        """Of those that hold a phase, so that its end comes too late."""
        if self._still:
            return
        owners = {row["lease_owner"] for row in siege.tables.open_runs() if row["lease_owner"]}
        holding = {int(owner.rsplit("/", 2)[1]) for owner in owners}
        for number, bot in enumerate(siege.fleet.bots):
            family = bot.family()
            if number and family and family[0].pid in holding:
                self._still.add(number)
                self._stopped.append(
                    threading.Thread(
                        target=self._stand_still, args=(siege, number, bot, family, over)
                    )
                )
                self._stopped[-1].start()
                return

    def _stand_still(
        self,
        siege: Siege,
        number: int,
        bot: Bot,
        family: list[psutil.Process],
        over: threading.Event,
    ) -> None:
        stopped = family if siege.random.random() < 0.5 else family[:1]
        before = _refusals(bot)
        siege.disturbed()
        _tell(stopped, signal.SIGSTOP)
        over.wait(LEASE + siege.random.uniform(1.5, 3.0))
        _tell(stopped, signal.SIGCONT)
        siege.counts["stopped past the lease"] += 1
        deadline = time.monotonic() + HEARD_WITHIN
        while time.monotonic() < deadline and _refusals(bot) == before:
            time.sleep(LOOK)
        siege.counts["refused by the fence"] += _refusals(bot) - before
        self._still.discard(number)


def _refusals(bot: Bot) -> int:
    said = bot.log_text
    return sum(said.count(words) for words in REFUSED)


def _tell(processes: list[psutil.Process], what: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(what)
