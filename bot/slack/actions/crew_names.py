"""Finds crews by the names that people type."""

from __future__ import annotations

from collections.abc import Mapping

from storage.definitions import CrewDefinition


def find_crew(crews: Mapping[str, CrewDefinition], name: str) -> CrewDefinition | None:
    """The crew with this name, in any case: crews.yml has no two that differ in case only."""
    folded = name.lower()
    return next((crew for each, crew in crews.items() if each.lower() == folded), None)
