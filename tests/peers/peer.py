"""What every peer does here, so that they can be compared.

A run has four phases and a person decides between them; a phase's work is to give a text of about
four thousand characters, which is kept, and handed to the phases after it. One cycle is:

1. a decision is given for a run that waits; it is durable before the next phase begins;
2. the next phase begins where the peer runs phases (`onward`: the seconds until then);
3. its text and the pause for the next decision (or the run's end) are durable (`whole`).

Runs wait side by side and are taken in turn, so that none is still at hand from its last cycle.
Nobody shows anything to anybody: rendering and sending is left out for all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

PHASES: Final = ("planning", "analysis", "strategy", "finalization")
CYCLES: Final = len(PHASES) - 1
"""Of one run."""

TEXT: Final = "A paragraph of a draft, as a reviewer would read it on a phone. " * 60


class Cycle(NamedTuple):
    """Seconds since the decision was given."""

    onward: float
    whole: float


class Peer(Protocol):
    def park(self) -> str:
        """Start a run and let it come to its first pause; its name."""

    def cycle(self, run: str) -> Cycle:
        """Decide on a run that waits, and wait for its next pause or its end."""

    def close(self) -> None: ...


Opened = Callable[[str], Peer]
"""How a peer is opened: by the folder, or the URL of the server, that it keeps its data in."""
