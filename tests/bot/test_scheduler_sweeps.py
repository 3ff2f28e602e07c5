"""How much a tick does in one transaction, while people wait to decide."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from bot.scheduler import LARGEST, LONG, SWEEP, state_ticks
from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.ports import NoDispatch, NoSignal
from storage.state_manager import StateManager


class Sluggish(StateManager):
    """Much is due, and each row takes so many seconds."""

    def __init__(self, folder: Path, *, a_row: float, due: int) -> None:
        engine = open_engine(f"sqlite:///{folder / 'never_opened.db'}")
        super().__init__(engine, clock=SystemClock(), dispatch=NoDispatch(), signal=NoSignal())
        self._a_row = a_row
        self._due = due
        self.passes: list[int] = []

    def expire_due(self, *, limit: int = 100) -> int:
        done = min(limit, self._due)
        self._due -= done
        self.passes.append(limit)
        time.sleep(done * self._a_row)
        return done


def swept(state: Sluggish) -> list[int]:
    [expire] = [t for t in state_ticks(state, lease=timedelta(seconds=30)) if t.name == "expire"]
    expire.work()
    return state.passes


def test_passes_that_are_soon_over_grow_to_a_bound(tmp_path: Path) -> None:
    passes = swept(Sluggish(tmp_path, a_row=0.0, due=5_000))

    assert passes[:4] == [SWEEP, 2 * SWEEP, 4 * SWEEP, 8 * SWEEP]
    assert max(passes) == LARGEST


def test_passes_that_would_keep_people_waiting_become_smaller(tmp_path: Path) -> None:
    a_row = 1.5 * LONG / SWEEP

    passes = swept(Sluggish(tmp_path, a_row=a_row, due=3 * SWEEP))

    assert passes[0] == SWEEP
    assert max(passes[1:]) * a_row < LONG
