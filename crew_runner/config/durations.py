"""Parses the durations of crews.yml (`90s`, `30m`, `1h30m`, `2d`) and formats them for people."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

EXPECTED: Final = "a duration such as 90s, 30m, 1h, 1h30m or 2d"

_DURATION: Final = re.compile(
    r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?"
)
_MAX: Final = timedelta(days=366)


def parse_duration(text: str) -> timedelta | None:
    """The duration, or None if the text is not one, is zero, or is longer than a year."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        return None
    parts = {unit: int(digits[:9]) for unit, digits in match.groupdict().items() if digits}
    try:
        span = timedelta(**parts)
    except OverflowError:
        return None
    return span if timedelta(0) < span <= _MAX else None


def format_duration(span: timedelta) -> str:
    """`90 seconds`, `30 minutes`, `2 hours`."""
    seconds = span.total_seconds()
    for size, unit in ((3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size and seconds % size == 0:
            count = int(seconds // size)
            return f"{count} {unit}" + ("s" if count != 1 else "")
    return f"{seconds:g} seconds"
