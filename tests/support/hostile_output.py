"""A command crew with the output of a misled model: mentions, hidden text, far too much of it."""

from __future__ import annotations

import json
import sys
from typing import Final

ATTACK: Final = (
    "<!channel> <!here> <!everyone> <@U00BEN0001> <@U00GUS0001> <!subteam^S00REVIEW01> @channel "
    "@here @ben <https://example.org/pay|Continue> [Continue](https://example.org/pay) "
    "https://example.org/track ![x](https://example.org/pixel.png) <mailto:ben@example.org|mail> "
    "\u202egnihton\u202c zero\u200bwidth \u2066hidden\u2069 ``` ~~~ # > * _ & < > |\n"
)
LONG: Final = 60_000


def output() -> str:
    """The attack, repeated until it no longer fits into a message."""
    return (ATTACK * (LONG // len(ATTACK) + 1))[:LONG]


def main() -> None:
    json.load(sys.stdin)
    json.dump({"status": "complete", "output": output(), "task_outputs": []}, sys.stdout)


if __name__ == "__main__":
    main()
