"""What every scenario takes and gives."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """`size` and `people` count what the scenario says."""

    database: str
    seed: int
    size: int
    people: int = 0
    verbose: bool = False

    def say(self, words: str) -> None:
        """Print it, if that is wanted."""
        if self.verbose:
            say(f"    {words}")


@dataclass
class Result:
    """What a scenario did, in lines, and all that was wrong."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()
