"""The values that a crew is started with. Pure.

Open inputs are filled by what the requester names, by the words of the request, and by defaults;
the others by crews.yml and the clock.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from storage.clock_inputs import clock_value, fill_in
from storage.crew_inputs import (
    REQUEST,
    SAME_MEANING,
    THE_LANGUAGE,
    THE_REQUEST,
    CrewInputs,
    is_from_clock,
    is_open,
    is_required,
    is_second_name,
    taker_of,
)
from storage.definitions import CrewInput, InputType, Json
from storage.errors import BadInputs, InputFault, InputProblem
from storage.input_values import BadValue, convert, is_empty
from storage.records import Request

_CONTEXT: Final = ("campaign_context",)


def resolve(crew: CrewInputs, request: Request, now: datetime) -> Request:
    """The request with the final `values` and the names of what is `unused`.

    Raises BadInputs. Defaults of the crew's own code are not part of the values: the crew has them.
    If the crew was not examined, its values are left to the worker, which resolves them again.
    """
    resolved = _Resolution(crew, request, now).resolve()
    return resolved if crew.examined else replace(resolved, values={})


def resolve_at_last(crew: CrewInputs, request: Request, now: datetime) -> Request:
    """As `resolve`, when the crew is about to run: also if it could not be examined."""
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
        self._fill_general("language", self._request.language, THE_LANGUAGE)
        self._fill_general("campaign_context", self._request.campaign_context, _CONTEXT)
        self._fill_request()
        self._fill_the_rest()
        self._find_missing()
        if self._problems:
            raise BadInputs(self._crew.definition, self._problems)
        return replace(
            self._request,
            values=self._values,
            unused=tuple(self._unused),
            resolved=self._crew.examined,
        )

    def _open(self) -> list[CrewInput]:
        """The open inputs that have no value yet."""
        return [
            each
            for each in self._crew.inputs
            if is_open(self._crew, each) and each.name not in self._values
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
            same = self._by_name.get(SAME_MEANING.get(name, ""))
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
            elif each.name not in self._values and is_from_clock(self._crew, each):
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
            is_asked = is_required(each) and not is_second_name(each.name, self._by_name)
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
        names = [each.name for each in self._crew.inputs if is_open(self._crew, each)]
        nearest = difflib.get_close_matches(name, names, n=1)
        hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
        return f"{hint}; the crew takes {', '.join(names) or 'none'}"


def _converted(value: Json, crew_input: CrewInput) -> Json:
    """The value in the input's type if it fits, else as it is."""
    try:
        return convert(value, crew_input)
    except BadValue:
        return value
