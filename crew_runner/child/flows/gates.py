"""The gates of a flow: how they pause, and checks for what CrewAI loses at a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

from crewai import Flow

from ..failures import CrewProblem
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import (
    CAN_AWAIT_PROVIDERS,
    ConsoleProvider,
    FlowDefinition,
    FlowHumanFeedbackDefinition,
    HumanFeedbackPending,
    PendingFeedbackContext,
)
from .chosen_outcome import UnusedModel

_POLL_SECONDS: Final = 0.01
_QUIET_TURNS: Final = 50
"""How many turns of the event loop without a new method count as idle."""


def gates_of(definition: FlowDefinition) -> dict[str, FlowHumanFeedbackDefinition]:
    return {
        str(name): method.human_feedback
        for name, method in definition.methods.items()
        if method.human_feedback is not None
    }


def pause_at(gate: FlowHumanFeedbackDefinition) -> None:
    """Make a gate pause that would read the console. Without learning, it needs no model."""
    if isinstance(gate.provider, ConsoleProvider):
        gate.provider = None
    if gate.provider is None and not getattr(gate, "learn", False):
        gate.llm = UnusedModel()


class PausingProvider:
    """Pauses the flow at every gate, without waiting for a person in this process.

    Methods that run beside the gate finish first, because CrewAI drops them when a flow pauses.
    """

    def __init__(self, listener: FlowListener) -> None:
        self._listener = listener
        self._waiting: list[str] = []

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> Any:
        """A coroutine, which CrewAI runs in the flow's own loop."""
        del flow
        if not CAN_AWAIT_PROVIDERS:
            raise HumanFeedbackPending(context=context)
        return self._pause(context)

    async def _pause(self, context: PendingFeedbackContext) -> str:
        self._waiting.append(context.method_name)
        if len(self._waiting) > 1:
            raise CrewProblem(
                f"The flow is at two gates at once: {' and '.join(self._waiting)}. Only one can "
                "be answered at a time: make one gate follow the other."
            )
        quiet = 0
        while quiet < _QUIET_TURNS:
            quiet = 0 if self._listener.running - {context.method_name} else quiet + 1
            await asyncio.sleep(0 if quiet else _POLL_SECONDS)
        raise HumanFeedbackPending(context=context)


def check_branches(definition: FlowDefinition) -> None:
    """Raises CrewProblem for methods that CrewAI would not run after a pause."""
    methods = definition.methods
    for gate, feedback in gates_of(definition).items():
        outcomes = set(feedback.emit or ())
        gate_events = set(_events(methods[gate].listen))
        for name, method in methods.items():
            if outcomes.intersection(_events(method.start)):
                raise CrewProblem(
                    f"The flow starts {name} again with an outcome of its gate {gate}, which "
                    "CrewAI does not do after a pause. Use @listen instead of @start."
                )
            shared = gate_events.intersection(_events(method.listen))
            if outcomes and shared and not method.router and name != gate:
                raise CrewProblem(
                    f"{name} listens to {' and '.join(sorted(shared))}, as the gate {gate} does. "
                    "CrewAI drops it when the flow pauses. Make it listen to a method before or "
                    "after the gate."
                )


def outcome_back_to(definition: FlowDefinition, gate: str) -> str | None:
    """The only outcome of a gate that leads back to it without another gate, or None."""
    feedback = gates_of(definition).get(gate)
    if feedback is None:
        return None
    outcomes = [outcome for outcome in feedback.emit or () if gate in _after(definition, outcome)]
    return outcomes[0] if len(outcomes) == 1 else None


def _after(definition: FlowDefinition, event: str) -> set[str]:
    """The methods that may run after an event, up to and including the next gates."""
    reachable: set[str] = set()
    events = [event]
    while events:
        current = events.pop()
        for name, method in definition.methods.items():
            if name in reachable or current not in {
                *_events(method.listen),
                *_events(method.start),
            }:
                continue
            reachable.add(name)
            if method.human_feedback is None:
                events += [name, *(method.emit or ())]
    return reachable


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
