"""Reads the values of a checkpoint's form. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from storage.definitions import CrewDefinition, CrewInput, FormField, InputType, Json
from storage.input_values import BadValue, as_text, convert, is_empty

MAX_TEXT: Final = 3000
"""The most characters of a text, as in a text box of Slack."""


class BadValues(Exception):
    """Values that the form does not take. `errors` has a sentence for each field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = dict(errors)


def parse(fields: Sequence[FormField], values: Mapping[str, Json]) -> dict[str, Json]:
    """Return the values in the types of their fields. Raises BadValues.

    An optional field that is left blank is an empty text.
    """
    known = {field.name for field in fields}
    errors = {
        name: "This checkpoint's form has no such field." for name in values if name not in known
    }
    parsed: dict[str, Json] = {}
    for field in fields:
        try:
            parsed[field.name] = _parse(field, values.get(field.name))
        except BadValue as error:
            errors[field.name] = str(error)
    if errors:
        raise BadValues(errors)
    return parsed


def fields_of(definition: CrewDefinition) -> tuple[FormField, ...]:
    """Return the fields of all forms of a crew."""
    asking = (*definition.checkpoints, *definition.gates)
    return tuple(field for checkpoint in asking for field in checkpoint.form)


def as_inputs(definition: CrewDefinition, values: Mapping[str, Json]) -> dict[str, Json]:
    """Return what fills `{name}`: yes or no in words. Fields that are left blank are left out."""
    return {
        field.name: as_text(value) if isinstance(value, bool) else value
        for field in fields_of(definition)
        if not is_empty(value := values.get(field.name))
    }


def blank_inputs(definition: CrewDefinition) -> dict[str, Json]:
    """Return an empty text for each field, so that a prompt can name one nobody has filled in."""
    return {field.name: "" for field in fields_of(definition)}


def _parse(field: FormField, value: Json) -> Json:
    if is_empty(value):
        if field.required:
            raise BadValue("This field is needed.")
        return ""
    if field.type is InputType.TEXT:
        return _text(value)
    taker = CrewInput(field.name, type=field.type, choices=field.choices)
    try:
        converted = convert(value, taker)
    except BadValue as error:
        raise BadValue(_sentence(str(error))) from None
    if field.type is InputType.NUMBER:
        return _within(field, converted)
    if field.type is InputType.DATE:
        return _date(converted)
    return converted


def _text(value: Json) -> str:
    text = as_text(value).strip()
    if len(text) > MAX_TEXT:
        raise BadValue(f"Use at most {MAX_TEXT:,} characters.")
    return text


def _within(field: FormField, number: Json) -> Json:
    if isinstance(number, float) and not math.isfinite(number):
        raise BadValue("Expected a number, such as 3 or 2.5.")
    if field.min is not None and number < field.min:
        raise BadValue(f"Enter {_plain(field.min)} or more.")
    if field.max is not None and number > field.max:
        raise BadValue(f"Enter {_plain(field.max)} or less.")
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _date(text: Json) -> str:
    """The date alone: a date picker has no time."""
    return date.fromisoformat(str(text)[:10]).isoformat()


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
