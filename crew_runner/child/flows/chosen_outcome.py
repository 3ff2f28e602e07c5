"""A stand-in for a gate's model that returns the outcome a person chose."""

from __future__ import annotations

from typing import Any

from crewai.llms.base_llm import BaseLLM
from pydantic import BaseModel

from ..crewai_internals import model_from


class UnusedModel:
    """Replaces a gate's model while the gate pauses and needs none."""


class ChosenOutcomeModel(BaseLLM):
    """Returns the chosen outcome, and passes any other call to the gate's own model."""

    outcome: str
    fallback: Any = None

    def call(
        self,
        messages: Any,
        *more: Any,
        response_model: type[BaseModel] | None = None,
        **named: Any,
    ) -> Any:
        if response_model is not None and "outcome" in response_model.model_fields:
            return self.outcome
        model = model_from(self.fallback)
        if response_model is not None:
            named["response_model"] = response_model
        return model.call(messages, *more, **named)
