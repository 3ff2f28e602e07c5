"""Kills a process at its Nth system call of a kind, for increasing N."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.trouble.faults.strace import injected
from tests.trouble.load.load import Fault, Load

REACHED_WITHIN: Final = 8.0
"""The most seconds to wait for the Nth call: about the duration of one run of the crew."""

MAX_MISSES: Final = 2
"""After so many N in a row that no thread reached, larger ones are not tried."""

POLL: Final = 0.02

OF_A_FILE: Final = {"fsync": "fsync,fdatasync", "write": "pwrite64", "send": "sendto,sendmsg"}
OF_A_SERVER: Final = {"write": "write,writev", "send": "sendto,sendmsg"}


@dataclass
class Calls(Fault):
    """`calls`: the system calls for each name, as strace names them. Every thread counts its own
    calls, from when strace attaches to the process; the first thread that reaches N ends it. `ns`:
    the N to try. With `files`, only flushes and writes of these files count."""

    calls: dict[str, str]
    ns: Sequence[int] = range(1, 200)
    files: tuple[Path, ...] = ()
    lasting: float = REACHED_WITHIN
    may_fail_tries = True

    def strike(self, load: Load, over: threading.Event) -> None:
        for name, calls in self.calls.items():
            missed, reached = 0, 0
            for n in self.ns:
                if missed == MAX_MISSES or over.is_set():
                    break
                if self._dies(load, over, name, f"{calls}:signal=SIGKILL:when={n}"):
                    missed, reached = 0, n
                    load.counts["kills"] += 1
                    load.counts[f"at a {name}"] += 1
                else:
                    missed += 1
            load.counts[f"highest N of {name}"] = reached

    def _dies(self, load: Load, over: threading.Event, name: str, injection: str) -> bool:
        """Whether the process reached the call in time, and died."""
        bot = load.random.choice(load.processes.bots)
        deadline = time.monotonic() + self.lasting
        while not (family := bot.family()):
            if over.wait(POLL):
                return False
        main = family[0]
        paths = self.files if name in ("fsync", "write") else ()
        with injected(main.pid, injection, paths=paths):
            while main.is_running() and time.monotonic() < deadline:
                if over.wait(POLL):
                    return False
            died = not main.is_running()
        if died:
            load.disturbed()
        return died
