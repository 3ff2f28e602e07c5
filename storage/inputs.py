"""What a crew is started with: its inputs, and the values that fill them. Pure.

An input is open unless crews.yml, the clock or `lessons` fills it. Open inputs are filled by what
the requester names, by the words of the request, and by defaults.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from storage.clock_inputs import AMBIGUOUS, CLOCK_NAMES, clock_value, fill_in, uses_request
from storage.definitions import (
    CrewDefinition,
    CrewInput,
    CrewKind,
    Examination,
    InputType,
    Json,
)
from storage.errors import BadInputs, InputFault, InputProblem
from storage.input_values import BadValue, convert, is_empty
from storage.records import Request

REQUEST: Final = CrewInput("user_input", label="What should it work on?", required=True)
"""The request as an input of its own, for crews that take it without naming it."""

THE_REQUEST: Final = ("user_input", "message")
_LANGUAGE: Final = ("language", "output_language")
_SAME: Final = {a: b for pair in (THE_REQUEST, _LANGUAGE) for a, b in (pair, pair[::-1])}
"""Names that mean the same: who fills one fills the other."""
_CONTEXT: Final = ("campaign_context",)

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


def known_inputs(definition: CrewDefinition, examination: Examination | None) -> CrewInputs:
    """What is known about a crew's inputs. crews.yml wins over what was learned from the code."""
    examined = examination is not None and bool(examination.kind)
    examination = examination if examination is not None and examined else Examination()
    takes_any = not examined or examination.takes_any_input
    described = {each.name: each for each in definition.inputs}
    learned = {
        each.name: _as_learned(each, examination, takes_any=takes_any)
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
        takes_request=any(map(uses_request, fixed)) or _is_asked_in_words(definition, examination),
    )


def _as_learned(crew_input: CrewInput, examination: Examination, *, takes_any: bool) -> CrewInput:
    """A flow's state has a value for every field, and a crew's own code may fill in any input."""
    if crew_input.required is None and (takes_any or examination.kind == "flow"):
        return replace(crew_input, required=False)
    return crew_input


def _is_asked_in_words(definition: CrewDefinition, examination: Examination) -> bool:
    """Whether the crew's own code is expected to read the request."""
    described = any(each.value is None for each in definition.inputs)
    if not examination.kind:
        return not described
    if not examination.takes_any_input or examination.kind == "flow":
        return False
    if definition.kind is CrewKind.COMMAND:
        return not described
    return not described and any(each.default is None for each in examination.inputs)


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
        if _is_open(crew, each)
        and not _is_second_name(each.name, names)
        and (each.name in described or not _is_left_to_code(crew, each))
    ]
    if crew.takes_request and not names & {*THE_REQUEST}:
        asked.insert(0, REQUEST)
    return tuple(asked)


def _is_left_to_code(crew: CrewInputs, crew_input: CrewInput) -> bool:
    is_named = crew_input.name in THE_REQUEST
    return crew.takes_any and not crew.is_flow and crew_input.default is None and not is_named


def _is_second_name(name: str, names: Collection[str]) -> bool:
    """Whether this input is the second of two that mean the same, so it is not asked for."""
    return name in (THE_REQUEST[1], _LANGUAGE[1]) and _SAME[name] in names


def _is_open(crew: CrewInputs, crew_input: CrewInput) -> bool:
    return crew_input.value is None and not _is_from_clock(crew, crew_input)


def _is_from_clock(crew: CrewInputs, crew_input: CrewInput) -> bool:
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


def resolve(crew: CrewInputs, request: Request, now: datetime) -> Request:
    """The request with the final `values` and the names of what is `unused`.

    Raises BadInputs. Defaults of the crew's own code are not part of the values: the crew has them.
    Of a crew that was not examined, the request is only checked.
    """
    return _Resolution(crew, request, now).resolve()


class _Resolution:
    """Fills the inputs of one request, and collects all problems."""

    def __init__(self, crew: CrewInputs, request: Request, now: datetime) -> None:
        named = dict(request.named)
        words = [named.pop(n) for n in THE_REQUEST if isinstance(named.get(n), str)]
        texts = [each.strip() for each in words if each.strip()]
        if texts and not request.text:
            request = replace(request, user_input=texts[0], message=texts[-1])
        self._crew = crew
        self._request = request
        self._named = named
        self._now = now
        self._by_name = {each.name: each for each in crew.inputs}
        self._values: dict[str, Json] = {}
        self._problems: list[InputProblem] = []
        self._unused: list[str] = []

    def resolve(self) -> Request:
        for name, value in self._named.items():
            self._fill_named(name, value)
        self._fill_general("language", self._request.language, _LANGUAGE)
        self._fill_general("campaign_context", self._request.campaign_context, _CONTEXT)
        self._fill_request()
        self._fill_the_rest()
        self._find_missing()
        if self._problems:
            raise BadInputs(self._crew.definition, self._problems)
        return replace(
            self._request,
            values=self._values if self._crew.examined else {},
            unused=tuple(self._unused),
            resolved=self._crew.examined,
        )

    def _open(self) -> list[CrewInput]:
        """The open inputs that have no value yet."""
        return [
            each
            for each in self._crew.inputs
            if _is_open(self._crew, each) and each.name not in self._values
        ]

    def _fill_named(self, name: str, value: Json) -> None:
        crew_input = self._by_name.get(name)
        if crew_input is None and self._crew.takes_any:
            self._values[name] = value
        elif crew_input is None:
            self._add(InputFault.UNKNOWN, name, f"there is no input {name!r}{self._known(name)}")
        elif crew_input.value is not None:
            self._add(InputFault.FIXED, name, f"the input {name!r} is set in crews.yml")
        else:
            self._fill(crew_input, value)
            same = self._by_name.get(_SAME.get(name, ""))
            if same is not None and same.name not in self._named:
                self._fill(same, value)

    def _fill(self, crew_input: CrewInput, value: Json) -> None:
        if is_empty(value) and is_required(crew_input):
            return  # it is missing
        try:
            self._values[crew_input.name] = convert(value, crew_input)
        except BadValue as error:
            self._add(InputFault.WRONG, crew_input.name, f"{crew_input.name}: {error}")

    def _fill_general(self, name: str, text: str, targets: Sequence[str]) -> None:
        if not text:
            return
        known = [each for each in self._open() if each.name in targets]
        for each in known:
            self._fill(each, text)
        if not known and self._crew.takes_any:
            self._values.update(dict.fromkeys(targets, text))
        elif not known and not any(target in self._values for target in targets):
            self._unused.append(name)

    def _fill_request(self) -> None:
        request, text = self._request, self._request.text
        if not text:
            return
        both = {"user_input": text, "message": request.message or text}
        known = {name: both[name] for name in both if name in self._by_name}
        if self._crew.takes_any:
            self._values.update(both)
        self._values.update(known)
        if known:
            return
        unfilled = self._open()
        taker = taker_of(unfilled)
        if taker is not None:
            self._fill(taker, text)
        elif not (self._crew.takes_any or self._crew.takes_request):
            self._refuse_request(unfilled)

    def _refuse_request(self, unfilled: Sequence[CrewInput]) -> None:
        texts = [each.name for each in unfilled if each.type is InputType.TEXT]
        if not texts:
            self._unused.append("request")
        elif not any(is_required(each) for each in unfilled):
            names = ", ".join(texts)
            self._add(
                InputFault.UNCLEAR,
                texts[0],
                f"the request could be meant for several inputs, so name one of them: {names}",
            )

    def _fill_the_rest(self) -> None:
        """What crews.yml and the clock fill."""
        for each in self._crew.inputs:
            if each.value is not None:
                value = fill_in(each.value, request=self._request.text, now=self._now)
                self._values[each.name] = _converted(value, each)
            elif each.name not in self._values and _is_from_clock(self._crew, each):
                self._values[each.name] = _converted(clock_value(each.name, self._now), each)
        for described in self._crew.definition.inputs:
            if described.name in self._values or described.value is not None:
                continue
            if described.default is not None:
                default = fill_in(described.default, request=self._request.text, now=self._now)
                self._values[described.name] = default
            elif self._is_left_empty(described):
                self._values[described.name] = ""

    def _is_left_empty(self, described: CrewInput) -> bool:
        """Whether prompts get an empty text for an optional input."""
        merged = self._by_name[described.name]
        return described.required is False and merged.default is None and not self._crew.is_flow

    def _find_missing(self) -> None:
        has_problem = {problem.name for problem in self._problems}
        for each in self._open():
            is_asked = is_required(each) and not _is_second_name(each.name, self._by_name)
            if is_asked and each.name not in has_problem:
                label = f" ({each.label})" if each.label else ""
                self._add(InputFault.MISSING, each.name, f"{each.name} is needed{label}")
        named_request = any(name in self._by_name for name in THE_REQUEST)
        is_told = bool(self._request.text) or (bool(self._named) and not self._crew.examined)
        if self._crew.takes_request and not named_request and not is_told:
            self._add(InputFault.MISSING, REQUEST.name, "a request is needed")

    def _add(self, fault: InputFault, name: str, sentence: str) -> None:
        self._problems.append(InputProblem(fault, name, sentence))

    def _known(self, name: str) -> str:
        names = [each.name for each in self._crew.inputs if _is_open(self._crew, each)]
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
        return f"{hint}; the crew takes {', '.join(names) or 'none'}"


def _converted(value: Json, crew_input: CrewInput) -> Json:
    """The value in the input's type if it fits, else as it is."""
    try:
        return convert(value, crew_input)
    except BadValue:
        return value
