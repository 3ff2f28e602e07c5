"""Workers that die one after another, and some that stand still past their lease and go on."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import psutil

from tests.chaos.siege.siege import LEASE, Siege
from tests.support.prefork_server import Bot

COMMANDS: Final = (
    ("serve", "--workers", "0"),
    *(("worker", "--workers", "2") for _ in range(4)),
)
EVERY: Final = 2.0
REFUSED: Final = ("phase.lease_lost", "outcome=lost")
"""What a worker says whose write was refused by the fence."""

HOLDS_WITHIN: Final = 10.0
TAKEN_WITHIN: Final = 4 * LEASE
HEARD_WITHIN: Final = 6.0
LOOK: Final = 0.02

Hold: TypeAlias = tuple[str, int]


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
        """One that holds a phase, so that its end comes too late."""
        deadline = time.monotonic() + HOLDS_WITHIN
        while not self._still and time.monotonic() < deadline and not over.wait(LOOK):
            for number, bot in enumerate(siege.fleet.bots):
                family = bot.family()
                if number == 0 or not family or not _held(siege, family[0].pid):
                    continue
                stopped = family if siege.random.random() < 0.5 else family[:1]
                siege.disturbed()
                _tell(stopped, signal.SIGSTOP)
                if held := _held(siege, family[0].pid):  # still: it had not just ended
                    self._still.add(number)
                    words = (siege, number, bot, stopped, held, over)
                    self._stopped.append(threading.Thread(target=self._stand_still, args=words))
                    self._stopped[-1].start()
                    return
                _tell(stopped, signal.SIGCONT)

    def _stand_still(
        self,
        siege: Siege,
        number: int,
        bot: Bot,
        stopped: list[psutil.Process],
        held: set[Hold],
        over: threading.Event,
    ) -> None:
        """Until others have taken what it holds, for its lease has run out."""
        before = _refusals(bot)
        deadline = time.monotonic() + TAKEN_WITHIN
        while held & _held(siege, stopped[0].pid) and time.monotonic() < deadline:
            if over.wait(LOOK):
                break
        _tell(stopped, signal.SIGCONT)
        siege.counts["stopped past the lease"] += 1
        deadline = time.monotonic() + HEARD_WITHIN
        while time.monotonic() < deadline and _refusals(bot) == before:
            time.sleep(LOOK)
        siege.counts["refused by the fence"] += _refusals(bot) - before
        self._still.discard(number)


def _held(siege: Siege, pid: int) -> set[Hold]:
    """The phase runs that this process holds, with their fences."""
    return {
        (row["id"], row["fence"])
        for row in siege.tables.open_runs()
        if row["state"] == "running" and row["lease_owner"].rsplit("/", 2)[1] == str(pid)
    }


def _refusals(bot: Bot) -> int:
    said = bot.log_text
    return sum(said.count(words) for words in REFUSED)


def _tell(processes: list[psutil.Process], what: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(what)
