"""Many deadlines at once: the scheduler's own ticks, people who click meanwhile, what is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from bot.scheduler import Scheduler, state_ticks
from storage.errors import Busy
from tests.growth.acts import Hands
from tests.growth.base import Base
from tests.growth.comparing import seconds
from tests.growth.filling import Crowd, Filler

LEASE: Final = timedelta(seconds=30)
AT_MOST: Final = 300.0
CALM: Final = 20
_LOOK: Final = 0.05
_LOOKS: Final = 21


@dataclass(frozen=True, slots=True)
class AtOnce:
    """`took`: seconds until all were expired. `clicks`: of people meanwhile, `calm`: before, in
    seconds; `busy` of them were told to try again. `posts` and `updates`: the messages that this
    left to be brought to Slack. `takes`: looks for one of them, in seconds."""

    deadlines: int
    took: float
    clicks: tuple[float, ...]
    calm: tuple[float, ...]
    busy: int
    posts: int
    updates: int
    takes: tuple[float, ...]


def expire_at_once(base: Base, filler: Filler, *, count: int, seed: int) -> AtOnce:
    hands = Hands(base, seed=seed)
    calm = tuple(seconds(hands.click()) for _ in range(CALM))
    filler.fill(Crowd(due=count), now=datetime.now(UTC))
    base.all_delivered()
    clicks: list[float] = []
    busy = 0
    scheduler = Scheduler(state_ticks(base.state, lease=LEASE))
    scheduler.start()
    began = time.perf_counter()
    try:
        while base.overdue():
            assert time.perf_counter() - began < AT_MOST, "the ticks do not get through"
            try:
                clicks.append(seconds(hands.click()))
            except Busy:
                busy += 1
            time.sleep(_LOOK)
        took = time.perf_counter() - began
    finally:
        scheduler.stop()
    posts, updates = base.to_deliver()
    takes = tuple(seconds(lambda: base.outbox.take(owner="a#0", limit=1)) for _ in range(_LOOKS))
    base.all_delivered()
    return AtOnce(count, took, tuple(clicks), calm, busy, posts, updates, takes)
