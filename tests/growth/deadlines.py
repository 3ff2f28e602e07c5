"""Many deadlines at once: the scheduler's own ticks, clicks in between, and what is left to do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.scheduler import Scheduler, state_ticks
from storage.errors import Busy
from tests.growth.acts import Operations
from tests.growth.base import Base
from tests.growth.comparing import seconds
from tests.growth.filling import CHANNELS, Crowd, Filler

LEASE: Final = timedelta(seconds=30)
AT_MOST: Final = 200.0
CALM: Final = 20
_EVERY: Final = 0.1
"""Seconds from one click to the next."""

_LOOKS: Final = 21


@dataclass(frozen=True, slots=True)
class AtOnce:
    """Half of them stop their executions, the others queue the next phase.

    Times are in seconds. `took`: until all were expired; `cpu`: processor time of this process.
    `clicks`: during that time; `calm`: before it; `busy`: how many clicks found the database busy.
    `posts` and `updates`: messages left to deliver. `takes`: taking one of them; `in_vain`: taking
    one while the rate limits allow none."""

    deadlines: int
    took: float
    cpu: float
    clicks: tuple[float, ...]
    calm: tuple[float, ...]
    busy: int
    posts: int
    updates: int
    takes: tuple[float, ...]
    in_vain: tuple[float, ...]


def expire_at_once(base: Base, filler: Filler, *, count: int, seed: int) -> AtOnce:
    hands = Operations(base, seed=seed)
    calm = tuple(seconds(hands.click()) for _ in range(CALM))
    filler.fill(Crowd(due=count - count // 2, lenient=count // 2), now=datetime.now(UTC))
    base.all_delivered()
    clicks: list[float] = []
    busy = 0
    scheduler = Scheduler(state_ticks(base.state, lease=LEASE))
    scheduler.start()
    began, cpu = time.perf_counter(), time.process_time()
    try:
        while base.overdue():
            following = time.perf_counter() + _EVERY
            assert following - began < AT_MOST, "the ticks do not finish"
            try:
                clicks.append(seconds(hands.click()))
            except Busy:
                busy += 1
            time.sleep(max(following - time.perf_counter(), 0.0))
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    finally:
        scheduler.stop()
    posts, updates = base.to_deliver()
    takes = _takes(base)
    base.pause_slack(CHANNELS)
    in_vain = _takes(base)
    base.all_delivered()
    return AtOnce(count, took, cpu, tuple(clicks), calm, busy, posts, updates, takes, in_vain)


def _takes(base: Base) -> tuple[float, ...]:
    return tuple(seconds(lambda: base.outbox.take(owner="a#0", limit=1)) for _ in range(_LOOKS))
