"""Describes a built crew or flow: its steps, agents, tools, models, inputs and missing keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

import crewai
from crewai import Crew, Flow

from ..crewai_internals import definition_of
from ..messages import CrewDescription
from .inputs import learn_inputs
from .keys import missing_keys
from .targets import Built

_AGENT_MODELS: Final = ("llm", "function_calling_llm")
_CREW_MODELS: Final = ("manager_llm", "function_calling_llm", "planning_llm")


def describe(built: Built, description: CrewDescription) -> CrewDescription:
    """The description, completed by what was learned."""
    of = built.of
    agents: tuple[Any, ...] = ()
    tools: tuple[Any, ...] = ()
    models: tuple[Any, ...] = ()
    if isinstance(of, Flow):
        kind, steps = "flow", _flow_steps(of)
    else:
        kind, steps = "crew", tuple(str(task.name) for task in of.tasks)
        agents, tools, models = _agents(of), tuple(_tools(of)), tuple(_models(of))
    return replace(
        description,
        kind=kind,
        steps=steps,
        inputs=learn_inputs(built),
        agents=_each_once(" ".join(str(agent.role).split()) for agent in agents),
        tools=_each_once(str(getattr(tool, "name", "")) for tool in tools),
        models=_each_once(map(_model_name, models)),
        missing_keys=missing_keys(models, tools),
        notes=(*description.notes, *built.notes),
        crewai=crewai.__version__,
        takes_any_input=description.takes_any_input or built.arguments.takes_all,
    )


def _flow_steps(flow: Flow[Any]) -> tuple[str, ...]:
    return tuple(str(name) for name in definition_of(flow).methods)


def _agents(crew: Crew) -> tuple[Any, ...]:
    candidates = [crew.manager_agent, *crew.agents, *(task.agent for task in crew.tasks)]
    return tuple({id(each): each for each in candidates if each is not None}.values())


def _tools(crew: Crew) -> Iterator[Any]:
    for owner in (*_agents(crew), *crew.tasks):
        yield from owner.tools or ()


def _models(crew: Crew) -> Iterator[Any]:
    """Models of agents and of the crew, as objects or as the names that its code has."""
    for owner, names in ((crew, _CREW_MODELS), *((each, _AGENT_MODELS) for each in _agents(crew))):
        for name in names:
            model = getattr(owner, name, None)
            if model is not None:
                yield model


def _model_name(model: Any) -> str:
    """`provider/name`, as crews name models."""
    if isinstance(model, str):
        return model
    name, provider = str(getattr(model, "model", "") or ""), getattr(model, "provider", None)
    if not type(model).__module__.startswith("crewai."):
        return name  # the default provider says nothing about a class of the crew's own
    is_complete = not name or not isinstance(provider, str) or name.startswith(f"{provider}/")
    return name if is_complete else f"{provider}/{name}"


def _each_once(names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
