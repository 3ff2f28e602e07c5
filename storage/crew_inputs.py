"""The inputs of a crew, from what was learned about it and from crews.yml. Pure.

An input is open unless crews.yml, the clock, a checkpoint's form or `lessons` fills it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from storage import forms
from storage.clock_inputs import AMBIGUOUS, CLOCK_NAMES, fill_in, uses_request
from storage.definitions import CrewDefinition, CrewInput, CrewKind, Examination, InputType
from storage.input_values import is_empty

REQUEST: Final = CrewInput("user_input", label="What should it work on?", required=True)
"""The request as an input of its own, for crews that take it without naming it."""

THE_REQUEST: Final = ("user_input", "message")
THE_LANGUAGE: Final = ("language", "output_language")
SAME_MEANING: Final = {a: b for pair in (THE_REQUEST, THE_LANGUAGE) for a, b in (pair, pair[::-1])}
"""Names that mean the same: who fills one fills the other."""

_LIKE_A_REQUEST: Final = frozenset(
    {
        *("topic", "subject", "request", "question", "query", "prompt", "task", "goal", "idea"),
        *("brief", "motion", "text", "input", "instructions", "user_request", "user_query"),
    }
)
"""Of several optional inputs, the one with such a name takes the request."""

_NOT_FOR_PEOPLE: Final = frozenset({"crewai_trigger_payload"})


@dataclass(frozen=True, slots=True)
class CrewInputs:
    """The inputs of one crew, as far as they are known.

    `takes_any`: the crew may read inputs that are not listed. `examined` is False if the crew has
    not been built yet, so only crews.yml describes it.
    """

    definition: CrewDefinition
    inputs: tuple[CrewInput, ...]
    takes_any: bool
    examined: bool
    is_flow: bool
    takes_request: bool
    """Whether it takes the words of the request under a name that is not in `inputs`."""
    from_forms: frozenset[str] = frozenset()
    """The names of inputs that reviewers fill in at checkpoints: nobody is asked at the start."""


def known_inputs(definition: CrewDefinition, examination: Examination | None) -> CrewInputs:
    """What is known about a crew's inputs. crews.yml wins over what was learned from the code."""
    examined = examination is not None and bool(examination.kind)
    examination = examination if examination is not None and examined else Examination()
    takes_any = not examined or examination.takes_any_input
    described = {each.name: each for each in definition.inputs}
    form = {field.name for field in forms.fields_of(definition)}
    learned = {
        each.name: replace(each, required=False)
        if each.name in form
        else _as_learned(each, examination, takes_any=takes_any)
        for each in examination.inputs
        if each.name not in _NOT_FOR_PEOPLE
    }
    names = [*described, *(name for name in learned if name not in described)]
    merged = tuple(
        _merge(described.get(name), learned.get(name))
        for name in names
        if not (name == "lessons" and definition.lessons)
    )
    fixed = [each.value for each in merged if each.value is not None]
    return CrewInputs(
        definition=definition,
        inputs=merged,
        takes_any=takes_any,
        examined=examined,
        is_flow=examination.kind == "flow",
        takes_request=any(map(uses_request, fixed))
        or _is_asked_in_words(definition, examination, form),
        from_forms=frozenset(form - described.keys()),
    )


def _as_learned(crew_input: CrewInput, examination: Examination, *, takes_any: bool) -> CrewInput:
    """A flow's state has a value for every field, and a crew's own code may fill in any input."""
    if crew_input.required is None and (takes_any or examination.kind == "flow"):
        return replace(crew_input, required=False)
    return crew_input


def _is_asked_in_words(
    definition: CrewDefinition, examination: Examination, form: Collection[str]
) -> bool:
    """Whether the crew's own code is expected to read the request."""
    described = any(each.value is None for each in definition.inputs)
    if not examination.kind:
        return not described
    if not examination.takes_any_input or examination.kind == "flow":
        return False
    if definition.kind is CrewKind.COMMAND:
        return not described
    return not described and any(
        each.default is None for each in examination.inputs if each.name not in form
    )


def _merge(described: CrewInput | None, learned: CrewInput | None) -> CrewInput:
    if described is None or learned is None:
        only = described or learned
        assert only is not None  # noqa: S101 one of them names the input
        return only
    is_typed = described.type is not InputType.TEXT
    return replace(
        described,
        type=described.type if is_typed else learned.type,
        label=described.label or learned.label,
        default=learned.default if described.default is None else described.default,
        choices=described.choices or learned.choices,
        required=learned.required if described.required is None else described.required,
    )


def open_inputs(crew: CrewInputs, now: datetime) -> tuple[CrewInput, ...]:
    """The inputs that a person may fill, with their defaults.

    Two names for the same thing (`user_input` and `message`) are one. Nobody is asked for what the
    crew's own code may fill in, unless crews.yml describes it.
    """
    described = {each.name for each in crew.definition.inputs}
    names = {each.name for each in crew.inputs}
    asked = [
        replace(each, default=fill_in(each.default, request="", now=now))
        if each.name in described
        else each
        for each in crew.inputs
        if is_open(crew, each)
        and not is_second_name(each.name, names)
        and (each.name in described or not _is_left_to_code(crew, each))
    ]
    if crew.takes_request and not names & {*THE_REQUEST}:
        asked.insert(0, REQUEST)
    return tuple(asked)


def _is_left_to_code(crew: CrewInputs, crew_input: CrewInput) -> bool:
    is_named = crew_input.name in THE_REQUEST
    return crew.takes_any and not crew.is_flow and crew_input.default is None and not is_named


def is_second_name(name: str, names: Collection[str]) -> bool:
    """Whether this input is the second of two that mean the same, so it is not asked for."""
    return name in (THE_REQUEST[1], THE_LANGUAGE[1]) and SAME_MEANING[name] in names


def is_open(crew: CrewInputs, crew_input: CrewInput) -> bool:
    if crew_input.name in crew.from_forms:
        return False
    return crew_input.value is None and not is_from_clock(crew, crew_input)


def is_from_clock(crew: CrewInputs, crew_input: CrewInput) -> bool:
    name = crew_input.name
    if name not in CLOCK_NAMES or any(each.name == name for each in crew.definition.inputs):
        return False
    return name not in AMBIGUOUS or is_empty(crew_input.default)


def is_required(crew_input: CrewInput) -> bool:
    """Whether the crew cannot start without a value for this open input."""
    if crew_input.required:
        return is_empty(crew_input.default)
    return crew_input.required is None and crew_input.default is None


def taker_of(candidates: Iterable[CrewInput]) -> CrewInput | None:
    """The input that takes the words of the request: the only one that lacks a value, or the only
    text. None if there is no such input, or more than one.
    """
    candidates = [each for each in candidates if each.type is not InputType.JSON]
    required = [each for each in candidates if is_required(each)]
    if required:
        return _only(required)
    texts = [each for each in candidates if each.type in (InputType.TEXT, InputType.CHOICE)]
    empty = [each for each in texts if is_empty(each.default)]
    if empty:
        return _only(empty) or _only([each for each in empty if each.name in _LIKE_A_REQUEST])
    return _only([each for each in texts if each.type is InputType.TEXT])


def _only(inputs: Sequence[CrewInput]) -> CrewInput | None:
    return inputs[0] if len(inputs) == 1 else None
