"""Describes a built crew or flow: its steps, agents, tools, models, inputs and missing keys."""

from __future__ import annotations

from dataclasses import replace

from ..messages import CrewDescription
from .targets import Built


def describe(built: Built, description: CrewDescription) -> CrewDescription:
    """The description, completed by what was learned."""
    return replace(description, notes=built.notes)
