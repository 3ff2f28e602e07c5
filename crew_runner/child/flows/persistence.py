"""CrewAI's flow persistence, held in memory; the worker stores it in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field
from pydantic_core import PydanticSerializationError, to_jsonable_python

from ..failures import CrewProblem
from ..older_crewai import FlowPersistence, PendingFeedbackContext


class FlowSnapshot(FlowPersistence):
    """Belongs to one child. It ignores requests to clear a pause: the database decides when one is
    over, and after a crash another child resumes from the same pause."""

    persistence_type: str = "Kept"
    states: dict[str, dict[str, Any]] = Field(default_factory=dict)
    pending: dict[str, tuple[dict[str, Any], PendingFeedbackContext]] = Field(default_factory=dict)

    def init_db(self) -> None:
        """Nothing to do."""

    def save_state(
        self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel
    ) -> None:
        del method_name
        self.states[flow_uuid] = _to_json(state_data)

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        return self.states.get(flow_uuid)

    def save_pending_feedback(
        self,
        flow_uuid: str,
        context: PendingFeedbackContext,
        state_data: dict[str, Any] | BaseModel,
    ) -> None:
        self.pending[flow_uuid] = (_to_json(state_data), context)

    def load_pending_feedback(
        self, flow_uuid: str
    ) -> tuple[dict[str, Any], PendingFeedbackContext] | None:
        return self.pending.get(flow_uuid)

    def clear_pending_feedback(self, flow_uuid: str) -> None:
        del flow_uuid

    def dump(self, flow_uuid: str) -> dict[str, object]:
        """The pause as JSON, without the gate's model, which may contain a key."""
        state, context = self.pending[flow_uuid]
        return {"state": state, "context": {**context.to_dict(), "llm": None}}

    def load(self, dump: Mapping[str, Any]) -> PendingFeedbackContext:
        """Restore what `dump` returned in another process."""
        context = PendingFeedbackContext.from_dict(dict(dump["context"]))
        self.pending[context.flow_id] = (dict(dump["state"]), context)
        return context


def _to_json(state: dict[str, Any] | BaseModel) -> dict[str, Any]:
    try:
        data: dict[str, Any] = to_jsonable_python(state)
    except (PydanticSerializationError, RecursionError) as error:
        raise CrewProblem(
            "The flow's state cannot be saved while it waits for a person: "
            f"{error}. Keep only JSON values in it."
        ) from error
    return data
