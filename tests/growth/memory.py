"""The peak memory of a process that does every operation a few times on one database."""

from __future__ import annotations

import multiprocessing
import resource
from concurrent.futures import ProcessPoolExecutor
from typing import Final

from tests.growth.acts import Operations
from tests.growth.base import base_of

ROUNDS: Final = 5


def peak_of(url: str, *, seed: int) -> float:
    """The peak in megabytes, measured in a new process."""
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as alone:
        return alone.submit(_played, url, seed).result()


def _played(url: str, seed: int) -> float:
    with base_of(url) as base:
        hands = Operations(base, seed=seed)
        for _ in range(ROUNDS):
            for _, act in hands.round():
                act()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
