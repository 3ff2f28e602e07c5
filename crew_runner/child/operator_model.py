"""Applies the operator's model to a crew, and stops calls with a key that was refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_events import LLMCallFailedEvent

from .crewai_internals import override_models
from .environment import OVERLAY_VARIABLE
from .older_crewai import (
    HookAborted,
    InterceptionPoint,
    LLMCallHookContext,
    add_stream_sink,
    register,
)


def apply_operator_model(variables: Mapping[str, str]) -> None:
    """Apply the model to this process, before the crew's module is imported."""
    model = variables.get(OVERLAY_VARIABLE)
    if model:
        override_models(model)
    refusals = _Refusals()
    add_stream_sink(refusals.note)
    register(InterceptionPoint.PRE_MODEL_CALL, refusals.stop)


class _KeyRefused(HookAborted):
    """The only kind of error after which CrewAI's agents do not retry."""


class _Refusals:
    """Remembers models whose key was refused, and prevents further calls to them."""

    def __init__(self) -> None:
        self._refused: list[tuple[object, BaseException]] = []

    def note(self, model: object, event: BaseEvent) -> None:
        """A stream sink, called by CrewAI while it handles the error."""
        error = sys.exc_info()[1]
        if isinstance(event, LLMCallFailedEvent) and error is not None and _is_refusal(error):
            self._refused.append((model, error))

    def stop(self, context: LLMCallHookContext) -> None:
        for model, error in self._refused:
            if model is context.llm:
                raise _KeyRefused("the provider refused the key") from error


def _is_refusal(error: BaseException) -> bool:
    return getattr(error, "status_code", None) in (401, 403)
