"""The gates of a flow: what is asked at them, and what CrewAI would lose while one is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from crewai import Flow
from crewai.flow.async_feedback.providers import ConsoleProvider
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow_definition import FlowDefinition, FlowHumanFeedbackDefinition

from crew_runner.child.failures import CrewProblem
from crew_runner.child.flows.chosen_outcome import NotAsked
from crew_runner.child.monitoring.event_listeners import FlowListener

_LOOK_SECONDS: Final = 0.01
_TURNS: Final = 50
"""How many turns of the loop nothing may begin, for a flow to have come to rest."""


def gates_of(definition: FlowDefinition) -> dict[str, FlowHumanFeedbackDefinition]:
    return {
        str(name): method.human_feedback
        for name, method in definition.methods.items()
        if method.human_feedback is not None
    }


def pause_at(gate: FlowHumanFeedbackDefinition) -> None:
    """A gate that would read the console pauses, and needs no model to do so."""
    if isinstance(gate.provider, ConsoleProvider):
        gate.provider = None
    if gate.provider is None and not gate.learn:
        gate.llm = NotAsked()


class PausingProvider:
    """Asked at every gate: nobody is waited for in this process.

    What runs beside the gate ends first, for CrewAI drops it when a flow pauses.
    """

    def __init__(self, listener: FlowListener) -> None:
        self._listener = listener
        self._waiting: list[str] = []

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> Any:
        """A coroutine, which CrewAI runs in the flow's own loop."""
        del flow
        return self._pause(context)

    async def _pause(self, context: PendingFeedbackContext) -> str:
        self._waiting.append(context.method_name)
        if len(self._waiting) > 1:
            raise CrewProblem(
                f"The flow is at two gates at once: {' and '.join(self._waiting)}. One person's "
                "answer can only come after the other's: let one gate follow the other."
            )
        quiet = 0
        while quiet < _TURNS:
            quiet = 0 if self._listener.running - {context.method_name} else quiet + 1
            await asyncio.sleep(0 if quiet else _LOOK_SECONDS)
        raise HumanFeedbackPending(context=context)


def check_branches(definition: FlowDefinition) -> None:
    """Raises CrewProblem for what CrewAI never comes back to once a gate has been closed."""
    methods = definition.methods
    for gate, feedback in gates_of(definition).items():
        outcomes = set(feedback.emit or ())
        heard = set(_events(methods[gate].listen))
        for name, method in methods.items():
            if outcomes.intersection(_events(method.start)):
                raise CrewProblem(
                    f"The flow starts {name} again with an outcome of its gate {gate}, which "
                    "CrewAI does not do after a pause: let it be @listen instead of @start."
                )
            shared = heard.intersection(_events(method.listen))
            if outcomes and shared and not method.router and name != gate:
                raise CrewProblem(
                    f"{name} listens to {' and '.join(sorted(shared))}, as the gate {gate} does. "
                    "CrewAI drops it when the flow pauses: let it listen to what comes before or "
                    "after."
                )


def outcome_back_to(definition: FlowDefinition, gate: str) -> str | None:
    """The one outcome of a gate after which the flow comes to it again, past no other gate."""
    feedback = gates_of(definition).get(gate)
    if feedback is None:
        return None
    back = [outcome for outcome in feedback.emit or () if gate in _after(definition, outcome)]
    return back[0] if len(back) == 1 else None


def _after(definition: FlowDefinition, event: str) -> set[str]:
    """The methods that may run after an event, up to the next gates and with them."""
    found: set[str] = set()
    events = [event]
    while events:
        happened = events.pop()
        for name, method in definition.methods.items():
            if name in found or happened not in {*_events(method.listen), *_events(method.start)}:
                continue
            found.add(name)
            if method.human_feedback is None:
                events += [name, *(method.emit or ())]
    return found


def _events(condition: object) -> Iterator[str]:
    """The names of methods and outcomes in a condition of @start or @listen."""
    if isinstance(condition, str):
        yield condition
    elif isinstance(condition, Mapping):
        for branches in condition.values():
            yield from _events(branches)
    elif isinstance(condition, list | tuple):
        for branch in condition:
            yield from _events(branch)
