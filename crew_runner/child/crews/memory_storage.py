"""CrewAI's memory, opened when it is first used.

Every flow is given one, and opening it costs seconds; most flows never look at it.
"""

from __future__ import annotations

from typing import Any, Final

_DEFAULT: Final = "lancedb"


class LateStorage:
    """The default storage. Everything but `close` opens it."""

    def __init__(self) -> None:
        self._opened: Any = None

    def __getattr__(self, name: str) -> Any:
        if self._opened is None:
            from crewai.memory.storage.lancedb_storage import LanceDBStorage

            self._opened = LanceDBStorage()
        return getattr(self._opened, name)

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


def late_storage(spec: str) -> Any:
    """For CrewAI's storage factory: None leaves any other storage to CrewAI."""
    return LateStorage() if spec == _DEFAULT else None
