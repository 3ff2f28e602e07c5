"""The options and the result of a scenario."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Options:
    """`size` and `people` count what the scenario's description names."""

    database: str
    seed: int
    size: int
    people: int = 0
    verbose: bool = False

    def say(self, text: str) -> None:
        """Print it if `verbose` is set."""
        if self.verbose:
            say(f"    {text}")


@dataclass
class Result:
    """What a scenario did, line by line, and every violation."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
