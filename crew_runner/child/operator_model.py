"""The operator's model over those of the crew, and an end to asking with a key that is refused."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

from crewai import llm_overlay
from crewai.agent import core
from crewai.events.base_events import BaseEvent
from crewai.events.stream_context import add_stream_sink
from crewai.events.types.llm_events import LLMCallFailedEvent
from crewai.hooks import HookAborted, InterceptionPoint, register_hook
from crewai.hooks.llm_hooks import LLMCallHookContext
from crewai.llm_overlay import overlay_model_for_llm
from crewai.utilities import llm_utils

from crew_runner.child.environment import OVERLAY_VARIABLE

_EVERY_MODEL: Final = "model:*"


def settle_models(variables: Mapping[str, str]) -> None:
    """For this process, which runs one job. To be called before the crew's module is imported."""
    model = variables.get(OVERLAY_VARIABLE)
    if model:
        _put_over_the_crew(model)
    refusals = _Refusals()
    add_stream_sink(refusals.note)
    register_hook(InterceptionPoint.PRE_MODEL_CALL, refusals.stop)


def _put_over_the_crew(model: str) -> None:
    """Every model that CrewAI builds from a name is `model`, asked with the operator's own key.

    Keys, addresses and what else belongs to the provider of the model that the crew named do not
    go along, as they would where both are of one provider. A model that is a class of the crew's
    own stays what it is, as it does where CrewAI builds it. Threads that the crew starts itself see
    only what a variable has by default.
    """
    overlay: dict[str, str] | None = {_EVERY_MODEL: model}
    in_every_thread = ContextVar("overlay", default=overlay)
    llm_overlay.active = in_every_thread
    core.overlay_active = in_every_thread  # type: ignore[attr-defined] # as it imports it
    llm_utils.PROVIDER_SETTINGS = ()  # type: ignore[misc] # what CrewAI carries over
    llm_utils.overlay_model_for_llm = _of_crewai_alone  # type: ignore[attr-defined] # as it imports it


def _of_crewai_alone(llm: Any) -> str | None:
    """As CrewAI's, which would put the overlay over every model that an agent was given."""
    return overlay_model_for_llm(llm) if type(llm).__module__.startswith("crewai.") else None


class _KeyRefused(HookAborted):
    """The one kind of error after which CrewAI's agents do not ask again."""


class _Refusals:
    """Remembers the models whose key was refused: they are not asked a second time."""

    def __init__(self) -> None:
        self._refused: list[tuple[object, BaseException]] = []

    def note(self, model: object, event: BaseEvent) -> None:
        """A stream sink: CrewAI calls it while it handles the error."""
        error = sys.exception()
        if isinstance(event, LLMCallFailedEvent) and error is not None and _is_refusal(error):
            self._refused.append((model, error))

    def stop(self, context: LLMCallHookContext) -> None:
        for model, error in self._refused:
            if model is context.llm:
                raise _KeyRefused("the provider refused the key") from error


def _is_refusal(error: BaseException) -> bool:
    return getattr(error, "status_code", None) in (401, 403)
