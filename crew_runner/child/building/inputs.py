"""Learns the inputs of a built crew or flow, with their types and the defaults of its own code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from crewai import Crew, Flow
from pydantic import BaseModel

from ..crewai_internals import PLACEHOLDER, definition_of, state_of
from ..crews.inputs import OTHER_SYNTAX
from ..records import CrewInput
from .input_types import input_of
from .state_use import StateUse, state_use
from .targets import Built

_NO_INPUTS: Final = frozenset({"id", "crewai_trigger_payload", "crew_chat_messages"})


def learn_inputs(built: Built) -> tuple[CrewInput, ...]:
    """The inputs in the order in which a person would give them.

    First come the arguments of functions and constructors, then placeholders or fields of the
    state, then what else the crew's own code passes to its kickoff.
    """
    own = _of_flow(built.of) if isinstance(built.of, Flow) else _of_crew(built.of)
    arguments = built.arguments.learned
    inputs = {**arguments, **{each.name: each for each in own if each.name not in arguments}}
    typed = isinstance(built.of, Flow) and isinstance(state_of(built.of), BaseModel)
    computed = {name for name, value in built.defaults.items() if _is_computed(value, built)}
    for name, value in built.defaults.items():
        if name not in arguments and name not in computed:
            inputs[name] = _with_default(inputs.get(name), name, value, typed=typed)
    left_out = _NO_INPUTS | (computed - arguments.keys())
    return tuple(each for each in inputs.values() if each.name not in left_out)


def _with_default(known: CrewInput | None, name: str, default: Any, *, typed: bool) -> CrewInput:
    """The input with the kickoff's value as its default, which also tells an unknown type."""
    by_value = input_of(name, None, default)
    if known is None or not typed:
        return by_value
    return replace(known, default=by_value.default, required=by_value.required)


def _is_computed(default: object, built: Built) -> bool:
    """Whether the crew's code made it from an argument, for which there was only a placeholder."""
    text = str(default).lower()
    return any(f"{{{name}}}".lower() in text for name in built.arguments.placeholders)


# --- crews -------------------------------------------------------------------------------------


def _of_crew(crew: Crew) -> Iterator[CrewInput]:
    """Every placeholder, but none if all are those of a shell or a template engine.

    CrewAI then runs such a crew without inputs and leaves its texts as they are.
    """
    text = "\n".join(_prompts(crew))
    if not PLACEHOLDER.search(OTHER_SYNTAX.sub("", text)):
        return iter(())
    return (input_of(name, str) for name in dict.fromkeys(PLACEHOLDER.findall(text)))


def _prompts(crew: Crew) -> Iterator[str]:
    """Every text that CrewAI fills inputs into."""
    for task in crew.tasks:
        yield from filter(None, (task.description, task.expected_output, task.output_file))
    for agent in crew.agents:
        yield from filter(None, (agent.role, agent.goal, agent.backstory))


# --- flows -------------------------------------------------------------------------------------


def _of_flow(flow: Flow[Any]) -> Iterator[CrewInput]:
    methods = definition_of(flow).methods
    use = state_use(type(flow), [str(name) for name, method in methods.items() if method.start])
    fields = {each.name: each for each in _fields(state_of(flow), use)}
    for name, default in use.payload.items():
        known = fields.get(name)
        if known is None or default is not None:
            known = input_of(name, None, default)
        yield known
    yield from (each for name, each in fields.items() if use.is_input(name))


def _fields(state: object, use: StateUse) -> Iterator[CrewInput]:
    if isinstance(state, BaseModel):
        for name, field in type(state).model_fields.items():
            value = getattr(state, name, None)
            yield input_of(name, field.annotation, value, label=field.title or "")
    elif isinstance(state, Mapping):
        names = dict.fromkeys([*map(str, state), *use.read_at_start])
        for name in names:
            yield input_of(name, None, state.get(name, use.defaults.get(name)))
