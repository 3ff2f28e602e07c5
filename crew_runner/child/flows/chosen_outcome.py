"""The model of a gate whose outcome a person chose: it is not asked, it is told."""

from __future__ import annotations

from typing import Any

from crewai.llms.base_llm import BaseLLM
from pydantic import BaseModel

from crew_runner.child.crewai_internals import model_from


class NotAsked:
    """Stands where a gate names a model, while the gate pauses and needs none."""


class Chosen(BaseLLM):
    """Says which outcome was chosen. Whatever else it is asked, the gate's own model answers."""

    outcome: str
    otherwise: Any = None

    def call(
        self,
        messages: Any,
        *more: Any,
        response_model: type[BaseModel] | None = None,
        **named: Any,
    ) -> Any:
        if response_model is not None and "outcome" in response_model.model_fields:
            return self.outcome
        model = model_from(self.otherwise)
        if response_model is not None:
            named["response_model"] = response_model
        return model.call(messages, *more, **named)
