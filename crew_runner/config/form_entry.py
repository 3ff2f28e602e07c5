"""`form:` of a checkpoint in crews.yml."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, TypeAlias

from pydantic import Field, Strict, StringConstraints

from crew_runner.config.strict_yaml import Entry, KeyPath, expects, list_of, must_be, one_of
from storage.definitions import FormField, InputType

MAX_FIELDS: Final = 20
FIELD_TYPES: Final = tuple(each for each in InputType if each is not InputType.JSON)

_MIN_CHOICES: Final = 2
_MAX_CHOICES: Final = 100
_CHOICE_LENGTH: Final = 75
_LABEL_LENGTH: Final = 150
_OWN_NAMES: Final = frozenset(
    {
        *("user_input", "message", "campaign_context", "language", "output_language", "lessons"),
        *("phase", "outputs", "edited_outputs", "feedback", "previous_output", "revise_tasks"),
    }
)
"""Inputs that Countersign fills in itself."""

_Name: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,39}$"),
    expects("one word of up to 40 letters, digits and _ that does not start with a digit"),
]
_Label: TypeAlias = Annotated[
    str,
    Strict(),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_LABEL_LENGTH),
    must_be(f"text of at most {_LABEL_LENGTH} characters"),
]
_Choice: TypeAlias = Annotated[
    str,
    Field(coerce_numbers_to_str=True),
    StringConstraints(strip_whitespace=True, min_length=1, max_length=_CHOICE_LENGTH),
    must_be(f"text of at most {_CHOICE_LENGTH} characters"),
]
_Number: TypeAlias = Annotated[
    float, Field(allow_inf_nan=False), Strict(), must_be("a number, such as 3 or 2.5")
]


class FieldEntry(Entry):
    """One field that the reviewer fills in to continue."""

    name: _Name | None = None
    label: _Label | None = None
    type: Annotated[InputType, one_of(FIELD_TYPES)] | None = None
    required: Annotated[bool, Strict(), must_be("true or false")] = True
    choices: Annotated[
        tuple[_Choice, ...], list_of("choices", empty="name the choices, or leave it out")
    ] = ()
    min: _Number | None = None
    max: _Number | None = None

    def problems(self) -> Iterator[tuple[KeyPath, str]]:
        if self.name is None:
            yield ("name",), "is missing: expected one word, as in {budget}"
        elif self.name in _OWN_NAMES:
            yield ("name",), f"{self.name!r} is not allowed: Countersign fills it in itself"
        if self.type is InputType.JSON:
            yield ("type",), f"'json' is not allowed: expected one of {', '.join(FIELD_TYPES)}"
        yield from self._check_choices()
        for key in ("min", "max"):
            if getattr(self, key) is not None and self.type is not InputType.NUMBER:
                yield (key,), "is only allowed together with 'type: number'"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield ("max",), f"{self.max:g} is less than 'min', which is {self.min:g}"

    def _check_choices(self) -> Iterator[tuple[KeyPath, str]]:
        if self.type is InputType.CHOICE and not self.choices:
            yield ("choices",), "is missing: name the choices"
        if self.choices and self.type not in (None, InputType.CHOICE):
            yield ("type",), "is not allowed together with 'choices', which make it a choice"
        if self.choices and not _MIN_CHOICES <= len(self.choices) <= _MAX_CHOICES:
            count = len(self.choices)
            message = f"names {count}: expected {_MIN_CHOICES} to {_MAX_CHOICES} choices"
            yield ("choices",), message
        if len({choice.casefold() for choice in self.choices}) < len(self.choices):
            yield ("choices",), "names a choice twice"

    def field(self) -> FormField:
        name = self.name or ""
        words = name.replace("_", " ").strip() or name
        return FormField(
            name=name,
            label=self.label or f"{words[:1].upper()}{words[1:]}",
            type=self.type or (InputType.CHOICE if self.choices else InputType.TEXT),
            required=self.required,
            choices=self.choices,
            min=self.min,
            max=self.max,
        )


Form: TypeAlias = Annotated[
    tuple[FieldEntry, ...],
    list_of("fields, each with a name", empty="name its fields, or leave it out"),
]
