"""A base class for work in a background thread during a `with` block."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class Background:
    """Runs `_run` in a thread during the block; it must return once `_over` is set, at the end."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        raise NotImplementedError
