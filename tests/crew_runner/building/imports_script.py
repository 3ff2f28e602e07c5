"""A crew beside an import that starts another one."""

from __future__ import annotations

from tests.crew_runner.building import script
from tests.crew_runner.building.entry_points import crew

other = crew()
__all__ = ["other", "script"]
