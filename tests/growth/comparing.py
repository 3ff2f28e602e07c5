"""Runs the same operations on a small and a large database alternately, so that both get noise."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from tests.bench.figures import median, percentile
from tests.growth.acts import ACTS, Act, Operations
from tests.growth.base import Base
from tests.growth.work import FEW, Work

MOST: Final = 1.5
"""How many times longer an operation may take on the large database than on the small one."""


@dataclass(slots=True)
class Compared:
    """Seconds that one operation took on each database, and the work that the databases report."""

    name: str
    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)
    work: tuple[Work, Work] | None = None

    @property
    def ratio(self) -> float:
        return median(self.large) / median(self.small)

    @property
    def undisturbed(self) -> float:
        """The ratio of the fastest tenths, which other programs did not slow down."""
        return percentile(self.large, 10) / percentile(self.small, 10)

    @property
    def work_ratio(self) -> float:
        """The ratio of rows or steps; fewer than FEW count as FEW."""
        assert self.work is not None, "the work was not measured"
        small, large = (max(work.looked, FEW) for work in self.work)
        return large / small


def in_turns(small: Base, large: Base, *, rounds: int, seed: int) -> list[Compared]:
    """`rounds` of all operations on both, and one more that measures the databases' work."""
    hands = (Operations(small, seed=seed), Operations(large, seed=seed))
    comparisons = {name: Compared(name) for name in ACTS}
    for number in range(rounds):
        for (name, on_small), (_, on_large) in zip(*(h.round() for h in hands), strict=True):
            compared = comparisons[name]
            pair = [(on_small, compared.small), (on_large, compared.large)]
            for act, samples in pair if number % 2 else reversed(pair):
                samples.append(seconds(act))
    work_by_name = [
        _work_of_a_round(base, played) for base, played in zip((small, large), hands, strict=True)
    ]
    for name, compared in comparisons.items():
        compared.work = (work_by_name[0][name], work_by_name[1][name])
    return list(comparisons.values())


def seconds(act: Act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _work_of_a_round(base: Base, hands: Operations) -> dict[str, Work]:
    work_by_name = {}
    for name, act in hands.round():
        with base.watch.work() as work:
            act()
        work_by_name[name] = work
    return work_by_name
