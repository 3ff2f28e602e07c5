"""Durations as crews.yml writes them: `90s`, `30m`, `1h`, `1h30m`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

ALLOWED: Final = "a duration such as 90s, 30m, 1h, 1h30m or 2d"

_DURATION: Final = re.compile(
    r"(?:(?P<days>\d+)d)?(?:(?P<hours>\d+)h)?(?:(?P<minutes>\d+)m)?(?:(?P<seconds>\d+)s)?"
)
_LONGEST: Final = timedelta(days=366)


def parse_duration(text: str) -> timedelta | None:
    """None for what is not one, for nothing at all, and for more than a year."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        return None
    parts = {unit: int(digits[:9]) for unit, digits in found.groupdict().items() if digits}
    try:
        span = timedelta(**parts)
    except OverflowError:
        return None
    return span if timedelta(0) < span <= _LONGEST else None
