"""A slot of the pool that a decision keeps for what it queues."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from storage.records import Claim

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReservedSlot:
    """`begin` runs a claim in the slot and frees it afterwards; `leave` frees it unused."""

    owner: str
    begin: Callable[[Claim], None]
    leave: Callable[[], None]

    def take(self, claim: Claim, /) -> None:
        """If it cannot begin, the decision stands all the same: the lease ends by itself."""
        try:
            self.begin(claim)
        except RuntimeError:  # the pool has stopped, or no thread can be started now
            log.exception("phase.not_begun", extra={"run": claim.run.id})
