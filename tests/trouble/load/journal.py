"""What people and clients did, read and were answered: written by them alone."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tests.trouble.load.plans import Move

UNAVAILABLE: Final = 503


class What(StrEnum):
    START = "start"
    CONTINUE = "continue"
    REVISE = "revise"
    SKIP = "skip"
    STOP = "stop"
    CANCEL = "cancel"
    RETRY = "retry"


DECISIONS: Final = frozenset({What.CONTINUE, What.REVISE, What.SKIP, What.STOP})


class Answered(StrEnum):
    TAKEN = "taken"  # acknowledged, or 200
    REFUSED = "refused"  # acknowledged in words that refuse it: a form that says why, or 4xx
    UNAVAILABLE = "unavailable"  # 503: to be tried again
    NOT = "not answered"
    SAID = "said"  # a reply, which Slack delivers until it is taken


@dataclass(frozen=True)
class Act:
    """`of` is a checkpoint, or, of a start, a cancel and a retry, the token of the run.

    `said_ts` is the timestamp of a reply. Times are seconds since the epoch.
    """

    what: What
    of: str
    by: str
    answered: Answered
    began: float
    ended: float
    text: str = ""
    said_ts: str = ""


class Asked(StrEnum):
    """What a running crew waits for, by the button that lets it go on."""

    CALL = "Continue: call it"
    QUESTION = "Continue: answer"
    BUDGET = "Continue"


@dataclass(frozen=True)
class Reading:
    """What somebody saw before they decided: the hash of the whole text, of texts that are marked.

    `number` counts the checkpoints of the execution that came before.
    """

    token: str
    checkpoint: str
    shown: str
    move: Move
    number: int


@dataclass(frozen=True)
class Held:
    """An answer to a running crew. `shown` is the hash of a tool's arguments; `number` that of the
    note in the answer, or 0."""

    token: str
    checkpoint: str
    asked: Asked
    shown: str
    number: int
    allowed: bool


@dataclass
class Journal:
    """Safe to write to from any thread."""

    acts: list[Act] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    undeclared: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    words_lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self,
        what: What,
        of: str,
        *,
        by: str,
        act: Callable[[], Answered],
        text: str = "",
        said_ts: str = "",
    ) -> Answered:
        """Do it, and write down when it was done and how it was answered."""
        began = time.time()
        answered = act()
        done = Act(what, of, by, answered, began, time.time(), text, said_ts)
        with self._lock:
            self.acts.append(done)
        return answered

    def status(self, code: int, headers: object, what: str) -> None:
        """Write down the status of an answer over HTTP."""
        with self._lock:
            self.statuses[code] += 1
            declared = code == UNAVAILABLE and "retry-after" in headers  # type: ignore[operator] # of httpx
            if code >= 500 and not declared:
                self.undeclared.append(f"{what} was answered {code}")

    def taken(self) -> int:
        """How many acts were acknowledged."""
        return sum(act.answered is Answered.TAKEN for act in self.acts)
