"""What a person sees of a flow's results and its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crewai import Flow
from pydantic import BaseModel

from ..crewai_internals import state_of
from ..output_text import text_of


def state_data(flow: Flow[Any]) -> dict[str, Any]:
    """The state's values by name, its id included."""
    state = state_of(flow)
    if isinstance(state, BaseModel):
        names = [*type(state).model_fields, *(state.model_extra or {})]
        return {name: getattr(state, name) for name in names}
    return dict(state) if isinstance(state, Mapping) else {}


def state_text(flow: Flow[Any]) -> str:
    """The state as JSON, without its id; empty if it holds nothing else."""
    return changes(None, state_data(flow))


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str:
    """What a method changed in the state: one text as it is, else JSON. Without changes, all."""
    data = {name: value for name, value in after.items() if name != "id"}
    if before is not None:
        changed = {
            name: value
            for name, value in data.items()
            if name not in before or before[name] != value
        }
        texts = [value for value in changed.values() if isinstance(value, str)]
        if len(changed) == len(texts) == 1:
            return texts[0]
        data = changed or data
    return text_of(data) if data else ""
