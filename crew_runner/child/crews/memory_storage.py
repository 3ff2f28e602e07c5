"""Opens CrewAI's memory storage only when it is first used.

Every flow gets one, and opening it takes seconds, but most flows never use it.
"""

from __future__ import annotations

from typing import Any, Final

_DEFAULT: Final = "lancedb"


class LazyStorage:
    """A proxy of the default storage. Any access except `close` opens it."""

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


def lazy_storage(spec: str) -> Any:
    """CrewAI's storage factory. None leaves any other storage to CrewAI."""
    return LazyStorage() if spec == _DEFAULT else None
