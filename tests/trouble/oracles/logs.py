"""What the logs of a load may not say, and what nobody foresaw."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

UNFORESEEN: Final = re.compile(
    r"\b(slack\.listener_failed|phase\.broke|claim\.broke|delivery\.failed|queue\.broke|tick\.failed"
    r"|api\.no_database)\b"
)


def secrets_in(logs: str, secrets: Sequence[str]) -> Iterator[str]:
    for secret in secrets:
        if secret in logs:
            line = next(line for line in logs.splitlines() if secret in line)
            yield f"a secret is in a log: {line[:160]}"


def unforeseen_in(logs: str) -> Counter[str]:
    """Events that tell of an exception which nobody answers, and the last lines of tracebacks."""
    found: Counter[str] = Counter()
    in_traceback = False
    for line in logs.splitlines():
        if (event := UNFORESEEN.search(line)) is not None:
            found[event.group()] += 1
        if line.startswith("Traceback "):
            in_traceback = True
        elif in_traceback and line[:1] not in (" ", ""):
            found[line[:140]] += 1
            in_traceback = False
    return found
