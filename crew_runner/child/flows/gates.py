"""The gates of a flow: how they pause, and checks for what CrewAI loses at a pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from crewai import Flow

from ..crewai_internals import definition_of
from ..failures import CrewProblem
from ..monitoring.event_listeners import FlowListener
from ..older_crewai import (
    CAN_AWAIT_PROVIDERS,
    ConsoleProvider,
    FlowDefinition,
    FlowHumanFeedbackDefinition,
    HumanFeedbackPending,
    HumanFeedbackResult,
    PendingFeedbackContext,
)
from .chosen_outcome import ChosenOutcomeModel, UnusedModel
from .graph import events

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
    `waiting` are the gates that it has come to. `pause` pauses a flow that has checkpoints in
    crews.yml as well.
    """

    def __init__(
        self, listener: FlowListener, pause: Callable[[str], Awaitable[NoReturn]] | None = None
    ) -> None:
        self._listener = listener
        self._pause_flow = pause
        self.waiting: dict[str, PendingFeedbackContext] = {}

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> Any:
        """A coroutine, which CrewAI runs in the flow's own loop."""
        del flow
        if not CAN_AWAIT_PROVIDERS:
            raise HumanFeedbackPending(context=context)
        return self._pause(context)

    async def _pause(self, context: PendingFeedbackContext) -> str:
        self.waiting[context.method_name] = context
        if self._pause_flow is not None:
            await self._pause_flow(context.method_name)
        if len(self.waiting) > 1:
            raise CrewProblem(
                f"The flow is at two gates at once: {' and '.join(self.waiting)}. Only one can "
                "be answered at a time: make one gate follow the other."
            )
        quiet = 0
        while quiet < _QUIET_TURNS:
            quiet = 0 if self._listener.running - {context.method_name} else quiet + 1
            await asyncio.sleep(0 if quiet else _POLL_SECONDS)
        raise HumanFeedbackPending(context=context)


@dataclass(frozen=True, slots=True)
class _PastAnswer:
    """A provider that returns what a person said at a gate in an earlier process."""

    feedback: str

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        del context, flow
        return self.feedback


class PastAnswers:
    """Answers the gates of a flow that runs from its start again as people answered them before."""

    def __init__(self, flow: Flow[Any]) -> None:
        self._gates = gates_of(definition_of(flow))
        self._originals: dict[str, dict[str, Any]] = {}
        self._past: list[HumanFeedbackResult] = []

    def prepare(self, past: Sequence[HumanFeedbackResult]) -> None:
        self._past = [*past]

    def repeat(self, method: str) -> None:
        """Give the next past answer of this gate, if there is one left."""
        gate = self._gates.get(method)
        answer = next((past for past in self._past if past.method_name == method), None)
        if gate is None or answer is None:
            self._restore(method)
            return
        self._past.remove(answer)
        self._originals.setdefault(method, {name: getattr(gate, name) for name in _ANSWERING})
        gate.provider = _PastAnswer(answer.feedback)
        gate.learn = False
        if answer.outcome is not None:
            gate.llm = ChosenOutcomeModel(model="chosen", outcome=answer.outcome)
            gate.default_outcome = answer.outcome

    def ask_again(self) -> None:
        """From now on people answer."""
        for method in [*self._originals]:
            self._restore(method)

    def _restore(self, method: str) -> None:
        for name, value in self._originals.pop(method, {}).items():
            setattr(self._gates[method], name, value)


_ANSWERING: Final = ("provider", "llm", "default_outcome", "learn")


def check_branches(definition: FlowDefinition) -> None:
    """Raises CrewProblem for methods that CrewAI would not run after a pause."""
    methods = definition.methods
    for gate, feedback in gates_of(definition).items():
        outcomes = set(feedback.emit or ())
        gate_events = set(events(methods[gate].listen))
        for name, method in methods.items():
            if outcomes.intersection(events(method.start)):
                raise CrewProblem(
                    f"The flow starts {name} again with an outcome of its gate {gate}, which "
                    "CrewAI does not do after a pause. Use @listen instead of @start."
                )
            shared = gate_events.intersection(events(method.listen))
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
    waiting = [event]
    while waiting:
        current = waiting.pop()
        for name, method in definition.methods.items():
            if name in reachable or current not in {
                *events(method.listen),
                *events(method.start),
            }:
                continue
            reachable.add(name)
            if method.human_feedback is None:
                waiting += [name, *(method.emit or ())]
    return reachable
