"""How much a tick does in one transaction, while people wait to decide."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from bot.scheduler import FIRST_PASS_ROWS, LONG_PASS_SECONDS, MAX_PASS_ROWS, state_ticks
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.ports import NoDispatch, NoSignal
from storage.state_manager import StateManager


class SlowState(StateManager):
    """Many deadlines are due, and each row takes `row_seconds`."""

    def __init__(self, folder: Path, *, row_seconds: float, due: int) -> None:
        engine = open_engine(f"sqlite:///{folder / 'never_opened.db'}")
        super().__init__(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
        self._row_seconds = row_seconds
        self._due = due
        self.passes: list[int] = []

    def expire_due(self, *, limit: int = 100) -> int:
        done = min(limit, self._due)
        self._due -= done
        self.passes.append(limit)
        time.sleep(done * self._row_seconds)
        return done


def sweep(state: SlowState) -> list[int]:
    [expire] = [t for t in state_ticks(state, lease=timedelta(seconds=30)) if t.name == "expire"]
    expire.work()
    return state.passes


def test_short_passes_grow_to_a_limit(tmp_path: Path) -> None:
    passes = sweep(SlowState(tmp_path, row_seconds=0.0, due=5_000))

    assert passes[:4] == [
        FIRST_PASS_ROWS,
        2 * FIRST_PASS_ROWS,
        4 * FIRST_PASS_ROWS,
        8 * FIRST_PASS_ROWS,
    ]
    assert max(passes) == MAX_PASS_ROWS


def test_long_passes_shrink(tmp_path: Path) -> None:
    row_seconds = 1.5 * LONG_PASS_SECONDS / FIRST_PASS_ROWS

    passes = sweep(SlowState(tmp_path, row_seconds=row_seconds, due=3 * FIRST_PASS_ROWS))

    assert passes[0] == FIRST_PASS_ROWS
    assert max(passes[1:]) * row_seconds < LONG_PASS_SECONDS
