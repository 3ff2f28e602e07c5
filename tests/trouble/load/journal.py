"""The journal of people and clients: what they did and read, and the answers they got."""

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


class ActKind(StrEnum):
    START = "start"
    CONTINUE = "continue"
    REVISE = "revise"
    SKIP = "skip"
    STOP = "stop"
    CANCEL = "cancel"
    RETRY = "retry"


DECISIONS: Final = frozenset({ActKind.CONTINUE, ActKind.REVISE, ActKind.SKIP, ActKind.STOP})


class ActResult(StrEnum):
    TAKEN = "taken"  # acknowledged, or 200
    REFUSED = "refused"  # acknowledged with a refusal: a form with an error, or 4xx
    UNAVAILABLE = "unavailable"  # 503: try again
    NO_ANSWER = "not answered"
    POSTED = "posted"  # a reply, which Slack delivers until the bot acknowledges it


@dataclass(frozen=True)
class Act:
    """One act. `of` is a checkpoint or, for a start, cancel or retry, the token of the run.

    `reply_ts` is the timestamp of a reply. Times are seconds since 1970.
    """

    what: ActKind
    of: str
    by: str
    result: ActResult
    started: float
    ended: float
    text: str = ""
    reply_ts: str = ""


class Prompt(StrEnum):
    """What a running crew waits for; the value is the label of the button that continues it."""

    CALL = "Continue: call it"
    QUESTION = "Continue: answer"
    BUDGET = "Continue"


@dataclass(frozen=True)
class Reading:
    """What a person saw before deciding. `shown` is the hash of the whole text if it is marked.

    `number` counts the earlier checkpoints of the execution.
    """

    token: str
    checkpoint: str
    shown: str
    move: Move
    number: int


@dataclass(frozen=True)
class MidRunAnswer:
    """An answer to a running crew. `shown` is the hash of a tool's arguments, `number` the number
    of the note in the answer, or 0."""

    token: str
    checkpoint: str
    prompt: Prompt
    shown: str
    number: int
    allowed: bool


@dataclass
class Journal:
    """The record of a load; any thread may write to it."""

    acts: list[Act] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    undeclared: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    words_lost: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self,
        what: ActKind,
        of: str,
        *,
        by: str,
        act: Callable[[], ActResult],
        text: str = "",
        reply_ts: str = "",
    ) -> ActResult:
        """Perform `act`, and record its times and its result."""
        started = time.time()
        result = act()
        done = Act(what, of, by, result, started, time.time(), text, reply_ts)
        with self._lock:
            self.acts.append(done)
        return result

    def status(self, code: int, headers: object, what: str) -> None:
        """Record the status of an HTTP response."""
        with self._lock:
            self.statuses[code] += 1
            declared = code == UNAVAILABLE and "retry-after" in headers  # type: ignore[operator] # httpx.Headers
            if code >= 500 and not declared:
                self.undeclared.append(f"{what} returned {code}")

    def acknowledged(self) -> int:
        """The number of acknowledged acts."""
        return sum(act.result is ActResult.TAKEN for act in self.acts)
