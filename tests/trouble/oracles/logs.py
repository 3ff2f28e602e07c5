"""Finds secrets and unexpected errors in the logs of a load."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

UNEXPECTED: Final = re.compile(
    r"\b(slack\.listener_failed|phase\.broke|claim\.broke|delivery\.failed|queue\.broke|tick\.failed"
    r"|api\.no_database)\b"
)


def secrets_in(logs: str, secrets: Sequence[str]) -> Iterator[str]:
    for secret in secrets:
        if secret in logs:
            line = next(line for line in logs.splitlines() if secret in line)
            yield f"a secret is in a log: {line[:160]}"


def unexpected_in(logs: str) -> Counter[str]:
    """Counts events of unhandled exceptions, and the last lines of tracebacks."""
    counts: Counter[str] = Counter()
    in_traceback = False
    for line in logs.splitlines():
        if (event := UNEXPECTED.search(line)) is not None:
            counts[event.group()] += 1
        if line.startswith("Traceback "):
            in_traceback = True
        elif in_traceback and line[:1] not in (" ", ""):
            counts[line[:140]] += 1
            in_traceback = False
    return counts
