"""Ticks with work to do, as much on the small database as on the large one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from tests.growth.base import Base
from tests.growth.comparing import Compared, seconds
from tests.growth.filling import Crowd, Filler

AT_ONCE: Final = 100

_BATCHES: Final[Mapping[str, tuple[Crowd, Callable[[Base], int]]]] = {
    "expiry tick, 100 due": (Crowd(due=AT_ONCE), lambda base: base.state.expire_due()),
    "remind tick, 100 due": (Crowd(halfway=AT_ONCE), lambda base: base.state.remind_due()),
}


def in_batches(
    small: Base, large: Base, fillers: tuple[Filler, ...], *, rounds: int
) -> list[Compared]:
    comparisons = []
    for name, (crowd, tick) in _BATCHES.items():
        compared = Compared(name)
        for number in range(rounds):
            pairs = list(
                zip((small, large), fillers, (compared.small, compared.large), strict=True)
            )
            for base, filler, samples in pairs if number % 2 else reversed(pairs):
                filler.fill(crowd, now=datetime.now(UTC))
                samples.append(seconds(partial(_do, tick, base)))
                base.all_delivered()
        comparisons.append(compared)
    return comparisons


def _do(tick: Callable[[Base], int], base: Base) -> None:
    count = tick(base)
    assert count == AT_ONCE, f"{count} were due"
