"""The same acts on a small and a large database, in turns, so that noise falls on both."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from tests.bench.figures import median, percentile
from tests.growth.acts import ACTS, Act, Hands
from tests.growth.base import Base
from tests.growth.work import FEW, Work

MOST: Final = 1.5
"""An act on the large database may take so many times what it takes on the small one."""


@dataclass(slots=True)
class Compared:
    """What one act took on either database, in seconds; and the work that they told of."""

    name: str
    small: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)
    work: tuple[Work, Work] | None = None

    @property
    def ratio(self) -> float:
        return median(self.large) / median(self.small)

    @property
    def undisturbed(self) -> float:
        """Of the fastest tenth: other programs on the machine were in the way of none of these."""
        return percentile(self.large, 10) / percentile(self.small, 10)

    @property
    def work_ratio(self) -> float:
        """Of what they looked at; less than FEW counts as FEW."""
        assert self.work is not None, "it was not asked what the work was"
        small, large = (max(work.looked, FEW) for work in self.work)
        return large / small


def in_turns(small: Base, large: Base, *, rounds: int, seed: int) -> list[Compared]:
    """`rounds` of all acts on both, and one more in which the databases tell what they did."""
    hands = (Hands(small, seed=seed), Hands(large, seed=seed))
    found = {name: Compared(name) for name in ACTS}
    for number in range(rounds):
        for (name, on_small), (_, on_large) in zip(*(h.round() for h in hands), strict=True):
            compared = found[name]
            pair = [(on_small, compared.small), (on_large, compared.large)]
            for act, samples in pair if number % 2 else reversed(pair):
                samples.append(seconds(act))
    told = [
        _work_of_a_round(base, played) for base, played in zip((small, large), hands, strict=True)
    ]
    for name, compared in found.items():
        compared.work = (told[0][name], told[1][name])
    return list(found.values())


def seconds(act: Act) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _work_of_a_round(base: Base, hands: Hands) -> dict[str, Work]:
    told = {}
    for name, act in hands.round():
        with base.watch.work() as work:
            act()
        told[name] = work
    return told
