"""The product's use cases on a database, and executions that wait at a checkpoint."""

from __future__ import annotations

from typing import Self

from storage.db.database import SystemClock
from storage.db.engines import open_engine
from storage.definitions import CrewDefinition
from storage.idempotency_keys import IdempotencyKeys
from storage.ports import NoDispatch, NoSignal, SharedClock
from storage.reads import Reads
from storage.records import Checkpoint
from storage.state_manager import StateManager
from storage.token_manager import TokenManager
from tests.support.factories import asking, crew, member, output

CHANNEL = "CTROUBLE"


class UseCases:
    """The use cases as one process of the product has them."""

    def __init__(self, url: str, *, clock: SharedClock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.engine = open_engine(url)
        self.reads = Reads(self.engine)
        self.tokens = TokenManager(self.engine, clock=self.clock)
        self.idempotency_keys = IdempotencyKeys(self.engine, clock=self.clock)
        self.state = StateManager(
            self.engine, clock=self.clock, dispatch=NoDispatch(), signal=NoSignal()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.engine.dispose()

    def waiting(self, definition: CrewDefinition | None = None) -> Checkpoint:
        """The first checkpoint of a new execution, which waits there."""
        execution = self.state.start_execution(
            definition=definition or crew(),
            request=asking(),
            requester=member("UASKER", "Asker"),
            channel=CHANNEL,
        )
        (run,) = self.reads.phase_runs(execution.id)
        claim = self.state.claim("a worker", run.id)
        assert claim is not None
        self.state.phase_done(claim, output("a draft"))
        checkpoint = self.reads.waiting_checkpoint(execution.id)
        assert checkpoint is not None
        return checkpoint
