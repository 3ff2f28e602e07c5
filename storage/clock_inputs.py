"""Inputs that the clock fills, and the placeholders that crews.yml may use in values. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from storage.definitions import Json

_YEAR: Final = "%Y"
_MONTH: Final = "%Y-%m"
_DATE: Final = "%Y-%m-%d"
_TIME: Final = "%H:%MZ"
_MOMENT: Final = "%Y-%m-%dT%H:%M:%SZ"

_FORMATS: Final[Mapping[str, str]] = {
    "current_year": _YEAR,
    "this_year": _YEAR,
    "year": _YEAR,
    "current_month": _MONTH,
    "current_date": _DATE,
    "current_day": _DATE,
    "todays_date": _DATE,
    "today_date": _DATE,
    "today": _DATE,
    "date": _DATE,
    "current_time": _TIME,
    "current_datetime": _MOMENT,
    "current_timestamp": _MOMENT,
    "now": _MOMENT,
}
"""ISO 8601, in UTC."""

CLOCK_NAMES: Final = frozenset(_FORMATS)

AMBIGUOUS: Final = frozenset({"date", "year"})
"""Names that a crew may also use for a date of its own, if its code gives a default."""

REQUEST_NAMES: Final = ("request", "user_input", "message")
"""Placeholders for the words of the request."""

PLACEHOLDERS: Final = (*REQUEST_NAMES, *sorted(CLOCK_NAMES))
"""What may stand in braces in a value of crews.yml."""

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_]\w*)\}")


def clock_value(name: str, now: datetime) -> str:
    """The value of one of CLOCK_NAMES."""
    return now.astimezone(UTC).strftime(_FORMATS[name])


def placeholders_in(value: Json) -> list[str]:
    """The names in braces in a value, also inside lists and mappings."""
    match value:
        case str():
            return _PLACEHOLDER.findall(value)
        case list() | tuple():
            return [name for each in value for name in placeholders_in(each)]
        case dict():
            return [name for each in value.values() for name in placeholders_in(each)]
        case _:
            return []


def uses_request(value: Json) -> bool:
    return any(name in REQUEST_NAMES for name in placeholders_in(value))


def fill_in(value: Json, *, request: str, now: datetime) -> Json:
    """Fill in the placeholders of a value from crews.yml; other braces stay."""
    match value:
        case str():
            return _PLACEHOLDER.sub(lambda match: _filled(match, request, now), value)
        case list() | tuple():
            return [fill_in(each, request=request, now=now) for each in value]
        case dict():
            return {key: fill_in(each, request=request, now=now) for key, each in value.items()}
        case _:
            return value


def _filled(match: re.Match[str], request: str, now: datetime) -> str:
    name = match[1]
    if name in REQUEST_NAMES:
        return request
    return clock_value(name, now) if name in CLOCK_NAMES else match[0]
