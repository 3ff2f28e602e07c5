"""A slot that a decision kept is used for its claim, or free again."""

from __future__ import annotations

import pytest

from crew_runner.host.slots import PoolSlot
from storage.records import Claim
from tests.crew_runner.claims import a_claim


class Pool:
    """One slot of it."""

    def __init__(self, *, exhausted: bool = False) -> None:
        self.began: list[Claim] = []
        self.freed = 0
        self._exhausted = exhausted

    def begin(self, claim: Claim) -> None:
        if self._exhausted:
            raise RuntimeError("can't start new thread")
        self.began.append(claim)

    def free(self) -> None:
        self.freed += 1


def test_a_claim_runs_in_the_slot_that_was_kept_for_it() -> None:
    pool, claim = Pool(), a_claim()

    PoolSlot("worker", pool.begin, pool.free).run(claim)

    assert (pool.began, pool.freed) == ([claim], 0)


def test_the_decision_stands_if_no_thread_can_be_started(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool = Pool(exhausted=True)

    PoolSlot("worker", pool.begin, pool.free).run(a_claim())

    assert (pool.began, pool.freed) == ([], 0)  # the executor runs it with its next thread
    assert vars(caplog.records[0])["run"] == "run1"
