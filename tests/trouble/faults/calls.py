"""Processes that end at the Nth system call of a kind, for one N after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.trouble.faults.strace import injected
from tests.trouble.load.load import Fault, Load

LASTING: Final = 8.0
"""How long a process is given for its Nth call: about as long as a run of the crew takes."""

MISSES: Final = 2
"""After so many N in turn that no thread came to, there is none beyond."""

LOOK: Final = 0.02

OF_A_FILE: Final = {"fsync": "fsync,fdatasync", "write": "pwrite64", "send": "sendto,sendmsg"}
OF_A_SERVER: Final = {"write": "write,writev", "send": "sendto,sendmsg"}


@dataclass
class Calls(Fault):
    """`calls`: for each name the system calls meant, in strace's words. Every thread of a process
    counts its own, from some moment of the process's life on; the first that comes to N ends it.
    `ns`: which N at the most. With `files`, what is flushed and written is of these alone."""

    calls: dict[str, str]
    ns: Sequence[int] = range(1, 200)
    files: tuple[Path, ...] = ()
    lasting: float = LASTING
    may_fail_tries = True

    def strike(self, load: Load, over: threading.Event) -> None:
        for name, calls in self.calls.items():
            missed, reached = 0, 0
            for n in self.ns:
                if missed == MISSES or over.is_set():
                    break
                if self._dies(load, over, name, f"{calls}:signal=SIGKILL:when={n}"):
                    missed, reached = 0, n
                    load.counts["kills"] += 1
                    load.counts[f"at a {name}"] += 1
                else:
                    missed += 1
            load.counts[f"highest N of {name}"] = reached

    def _dies(self, load: Load, over: threading.Event, name: str, injection: str) -> bool:
        """Whether the process came to it in time."""
        bot = load.random.choice(load.processes.bots)
        deadline = time.monotonic() + self.lasting
        while not (family := bot.family()):
            if over.wait(LOOK):
                return False
        main = family[0]
        paths = self.files if name in ("fsync", "write") else ()
        with injected(main.pid, injection, paths=paths):
            while main.is_running() and time.monotonic() < deadline:
                if over.wait(LOOK):
                    return False
            died = not main.is_running()
        if died:
            load.disturbed()
        return died
