"""A slot of the pool, reserved by a decision for the phase run that it queues."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from storage.records import Claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolSlot:
    """`start` runs a claim in the slot and frees it afterwards; `release` frees it unused."""

    owner: str
    start: Callable[[Claim], None]
    release: Callable[[], None]

    def run(self, claim: Claim, /) -> None:
        """Start the claim. If that fails, the decision still counts and the lease expires."""
        try:
            self.start(claim)
        except RuntimeError:  # the pool has stopped, or no thread can be started
            log.exception("phase.not_started", extra={"run": claim.run.id})
