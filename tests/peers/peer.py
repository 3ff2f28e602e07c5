"""What every peer does, so that they can be compared.

A run has four phases, and a person decides between them. A phase returns a text of about four
thousand characters, which is stored and passed to later phases. One cycle is:

1. a decision for a waiting run, which is durable before the next phase starts;
2. the start of the next phase, where the peer runs phases (`onward`: the seconds until then);
3. its text and the pause for the next decision (or the run's end) are durable (`whole`).

Runs wait at the same time and are taken in turn, so that none is cached from its last cycle. No
peer renders or sends anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

PHASES: Final = ("planning", "analysis", "strategy", "finalization")
CYCLES: Final = len(PHASES) - 1
"""Cycles of one run."""

TEXT: Final = "A paragraph of a draft, as a reviewer would read it on a phone. " * 60


class Cycle(NamedTuple):
    """Seconds since the decision."""

    onward: float
    whole: float


class Peer(Protocol):
    def park(self) -> str:
        """Start a run and wait for its first pause; return its name."""

    def cycle(self, run: str) -> Cycle:
        """Decide a waiting run, and wait for its next pause or its end."""

    def close(self) -> None: ...


Opened = Callable[[str], Peer]
"""Opens a peer, given the folder or the server URL for its data."""
