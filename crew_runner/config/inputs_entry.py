"""`inputs:` of a crew in crews.yml."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, Strict, StringConstraints

from crew_runner.config.strict_yaml import Entry, KeyPath, kind, list_of, must_be, one_of
from storage.clock_inputs import PLACEHOLDERS, placeholders_in
from storage.definitions import CrewInput, InputType, Json
from storage.input_values import BadValue, convert, is_empty

MAX_INPUTS: Final = 90
"""A form in Slack has room for so many fields."""

_NAME: Final = re.compile(r"[^\W\d][\w.-]{0,99}")
_LABEL_LIMIT: Final = 150

_Label = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_LABEL_LIMIT),
    must_be(f"text of at most {_LABEL_LIMIT} characters"),
]
_Choice = Annotated[str, Field(coerce_numbers_to_str=True, min_length=1), must_be("text")]


def _plain_json(value: Json) -> Json:
    """The value, with YAML's dates as text."""
    match value:
        case datetime() | date():
            return value.isoformat()
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not allowed: JSON has no such number")
        case list():
            return [_plain_json(each) for each in value]
        case dict():
            return {str(key): _plain_json(each) for key, each in value.items()}
        case _:
            return value


def _with_known_placeholders(value: Json) -> Json:
    unknown = [name for name in placeholders_in(value) if name not in PLACEHOLDERS]
    if unknown:
        raise ValueError(
            f"{{{unknown[0]}}} is not known: expected one of {', '.join(PLACEHOLDERS)}"
        )
    return value


_Json = Annotated[Any, AfterValidator(_plain_json), AfterValidator(_with_known_placeholders)]


class InputEntry(Entry):
    """One input. If the file gives a plain value, that is its `value`: nobody is asked for it."""

    value: _Json = None
    label: _Label | None = None
    default: _Json = None
    choices: Annotated[
        tuple[_Choice, ...], list_of("choices", empty="name the choices, or leave it out")
    ] = ()
    type: Annotated[InputType, one_of(InputType)] | None = None
    required: Annotated[bool, Strict(), must_be("true or false")] | None = None

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        asking = sorted({"default", "choices", "required"} & self.model_fields_set)
        if self.value is not None and asking:
            yield (asking[0],), "is not allowed together with 'value': nobody is asked for it"
        if self.type is InputType.CHOICE and not self.choices:
            yield ("choices",), "is missing: name the choices"
        if self.choices and self.type not in (None, InputType.CHOICE):
            yield ("type",), "is not allowed together with 'choices', which make it a choice"
        if len(set(self.choices)) < len(self.choices):
            yield ("choices",), "names a choice twice"
        if self.required and not is_empty(self.default):
            yield ("required",), "is not allowed together with 'default', which fills it"
        yield from self._check_types()

    def _check_types(self) -> Iterator[tuple[KeyPath, str]]:
        for key, value in (("default", self.default), ("value", self.value)):
            if is_empty(value) or placeholders_in(value):
                continue
            try:
                convert(value, self.crew_input(""))
            except BadValue as error:
                yield (key,), f"does not fit the type: {error}"

    def crew_input(self, name: str) -> CrewInput:
        is_choice = bool(self.choices) and self.type is None
        return CrewInput(
            name=name,
            type=InputType.CHOICE if is_choice else self.type or InputType.TEXT,
            label=self.label or "",
            default=self.default,
            value=self.value,
            choices=self.choices,
            required=self.required,
        )


def _entries(value: object) -> object:
    """Check the names, and read `topic: X` as `topic: {value: X}`, and `topic:` as `topic: {}`."""
    if not isinstance(value, dict):
        raise ValueError(f"must be a mapping of the inputs' names, not {kind(value)}")
    if len(value) > MAX_INPUTS:
        raise ValueError(f"names {len(value)} inputs: at most {MAX_INPUTS} are allowed")
    for name in value:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an input: expected one word")
    return {name: _entry(each) for name, each in value.items()}


def _entry(value: object) -> object:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"value": value}


InputEntries = Annotated[dict[str, InputEntry], BeforeValidator(_entries)]


def crew_inputs(entries: Mapping[str, InputEntry]) -> tuple[CrewInput, ...]:
    return tuple(entry.crew_input(name) for name, entry in entries.items())
