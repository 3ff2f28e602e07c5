"""A flow's memory of itself while it waits: a dictionary that the database keeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.persistence.base import FlowPersistence
from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError, to_jsonable_python

from crew_runner.child.failures import CrewProblem


class FlowSnapshot(FlowPersistence):
    """Belongs to one child. What a flow asks it to forget, it keeps: the database decides when a
    pause is over, and a child that dies on the way goes on from the same pause again."""

    persistence_type: str = "Kept"
    states: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pending: dict[str, tuple[dict[str, Any], PendingFeedbackContext]] = Field(default_factory=dict)

    def init_db(self) -> None:
        """There is nothing to prepare."""

    def save_state(
        self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel
    ) -> None:
        del method_name
        self.states[flow_uuid] = _plain(state_data)

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        return self.states.get(flow_uuid)

    def save_pending_feedback(
        self,
        flow_uuid: str,
        context: PendingFeedbackContext,
        state_data: dict[str, Any] | BaseModel,
    ) -> None:
        self.pending[flow_uuid] = (_plain(state_data), context)

    def load_pending_feedback(
        self, flow_uuid: str
    ) -> tuple[dict[str, Any], PendingFeedbackContext] | None:
        return self.pending.get(flow_uuid)

    def clear_pending_feedback(self, flow_uuid: str) -> None:
        del flow_uuid

    def saved(self, flow_uuid: str) -> dict[str, object]:
        """The pause as JSON. Of the gate's model nothing is kept: a key may stand in it."""
        state, context = self.pending[flow_uuid]
        return {"state": state, "context": {**context.to_dict(), "llm": None}}

    def fill(self, saved: Mapping[str, Any]) -> PendingFeedbackContext:
        """Take over what `saved` gave in another process."""
        context = PendingFeedbackContext.from_dict(dict(saved["context"]))
        self.pending[context.flow_id] = (dict(saved["state"]), context)
        return context


def _plain(state: dict[str, Any] | BaseModel) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = to_jsonable_python(state)
    except (PydanticSerializationError, RecursionError) as error:
        raise CrewProblem(
            "The flow's state cannot be kept while it waits for a person: "
            f"{error}. Only what JSON can hold may stand in it."
        ) from error
    return plain
