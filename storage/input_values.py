"""Converts and checks the values of inputs. Pure."""

from __future__ import annotations

import json
import math
import re
from contextlib import suppress
from datetime import date, datetime
from typing import Final, assert_never

from storage.definitions import CrewInput, InputType, Json

_YES: Final = frozenset({"yes", "y", "true", "on", "1"})
_NO: Final = frozenset({"no", "n", "false", "off", "0"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_MAX_DIGITS: Final = 300
_WHOLE: Final = re.compile(r"[+-]?\d+")


class BadValue(Exception):
    """A value that an input does not take. The message says what it takes."""


def convert(value: Json, crew_input: CrewInput) -> Json:
    """The value in the type of its input. Raises BadValue.

    Text is read as people write it (`yes`, `3.5`, JSON); other JSON values are only checked.
    """
    match crew_input.type:
        case InputType.TEXT:
            return value
        case InputType.NUMBER:
            return _number(value)
        case InputType.YES_NO:
            return _yes_or_no(value)
        case InputType.CHOICE:
            return _choice(value, crew_input.choices)
        case InputType.DATE:
            return _date(value)
        case InputType.JSON:
            return _json(value)
        case _:
            assert_never(crew_input.type)


def is_empty(value: Json) -> bool:
    """Whether a value says nothing: None, blank text, an empty list or mapping."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, list | dict) and not value)


def as_text(value: Json) -> str:
    """The value as people read and type it."""
    match value:
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case None:
            return ""
        case _:
            return json.dumps(value, ensure_ascii=False)


def _number(value: Json) -> Json:
    text = value.strip() if isinstance(value, str) else ""
    if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text):
        value = int(text) if _WHOLE.fullmatch(text) else float(text)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, float) and math.isfinite(value)):
        raise BadValue("expected a number, such as 3 or 2.5")
    return value


def _yes_or_no(value: Json) -> Json:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _YES | _NO:
            return word in _YES
    if not isinstance(value, bool):
        raise BadValue("expected yes or no")
    return value


def _choice(value: Json, choices: tuple[str, ...]) -> Json:
    text = as_text(value).strip()
    if text in choices:
        return text
    matches = [choice for choice in choices if choice.casefold() == text.casefold()]
    if len(matches) != 1:
        raise BadValue(f"expected one of {', '.join(choices)}")
    return matches[0]


def _date(value: Json) -> Json:
    """A date, or a date with a time, as ISO 8601."""
    text = value.strip() if isinstance(value, str) else ""
    for kind in (date, datetime):
        with suppress(ValueError):
            return kind.fromisoformat(text).isoformat()
    raise BadValue("expected a date, such as 2026-05-31")


def _json(value: Json) -> Json:
    if isinstance(value, str):
        try:
            value = json.loads(value, parse_constant=_not_json)
        except (ValueError, RecursionError):
            raise BadValue('expected JSON, such as ["a", "b"] or {"a": 1}') from None
    if not isinstance(value, list | dict):
        raise BadValue('expected a list or an object in JSON, such as ["a", "b"] or {"a": 1}')
    return value


def _not_json(constant: str) -> Json:
    raise ValueError(constant)
