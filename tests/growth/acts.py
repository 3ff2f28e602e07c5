"""The operations that are timed: each method prepares what it needs and returns the timed part.

One round of all operations leaves as many executions waiting as there were before.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import uuid4

from bot.api.access import LOOPBACK
from bot.api.bodies import FeedbackBody
from bot.slack.inbound.parse import CommandCall, Person
from storage.decisions import Decision, Edit, Reply, RevisionOffered, Talk
from storage.definitions import Limits
from storage.errors import LimitReached
from storage.messages import OutboxRow
from storage.records import Action, Checkpoint, Claim, Execution, MessageRef
from tests.growth.base import Base
from tests.growth.filling import CHANNELS
from tests.growth.lives import DRAFT, PLAN, USED
from tests.support.factories import BEN, asking, output

Act = Callable[[], object]

OWNER: Final = "host/1/1.00"
DEAD: Final = ["elsewhere/1/1.00#0"]
TASKS: Final = ["task"]
ASKS: Final = Person("UBEN", "Ben")
BOUNDED: Final = replace(PLAN, limits=Limits(per_person=20, at_once=20, starts_per_hour=100))
LONG_AGO: Final = timedelta(days=400)
DIRECT: Final = "DBEN"


class Operations:
    """Acts as people, workers and the deliverer on one database; `seed` selects the checkpoints."""

    def __init__(self, base: Base, *, seed: int) -> None:
        self._base = base
        self._random = random.Random(seed)
        with base.engine.connect() as connection:
            # Ids are scattered, so these are any of them.
            some = "SELECT id FROM checkpoints WHERE state = 'pending' ORDER BY id LIMIT 1000"
            self._waiting: list[str] = list(connection.exec_driver_sql(some).scalars())
        self._posts = 0
        self._born = time.time_ns() // 10**6 % 10**10
        self._drawn: Checkpoint
        self._claim: Claim | None = None
        self._taken: tuple[OutboxRow, ...] = ()

    def round(self) -> Iterator[tuple[str, Act]]:
        """Yield every operation once, in an order in which each finds what it needs."""
        for name, arrange in ACTS.items():
            yield name, arrange(self)

    # --- reads --------------------------------------------------------------------------------

    def list_page(self) -> Act:
        channel = self._channel()
        return lambda: _expect(len(self._base.reads.executions(channel=channel)) == 20)

    def inbox(self) -> Act:
        call = CommandCall("status", self._channel(), ASKS, "")

        def ask() -> None:
            text = self._base.commands.run(call)
            _expect(isinstance(text, str) and "Runs in this channel" in text)

        return ask

    def run_by_short_id(self) -> Act:
        execution = self._some_execution()
        return lambda: _expect(self._base.reads.execution(execution.id[:8]).id == execution.id)

    def rest_status(self) -> Act:
        execution = self._some_execution()
        return lambda: self._base.rest.status(LOOPBACK, execution.id)

    def rest_checkpoint(self) -> Act:
        execution = self._some_execution()
        return lambda: _expect(self._base.rest.checkpoint(LOOPBACK, execution.id) is not None)

    def health(self) -> Act:
        """With cached counts, as for most calls: many rows are counted only every few seconds."""
        self._base.reads.counts()
        return lambda: _expect(self._base.reads.counts().pending_checkpoints > 0)

    def estimate(self) -> Act:
        return lambda: _expect(len(self._base.reads.usage_of_phase(PLAN.name, "strategy")) == 20)

    def estimate_of_rare(self) -> Act:
        """For a crew that seldom runs, whose phase has the name of one that runs often."""
        return lambda: _expect(self._base.reads.usage_of_phase("rare", "strategy") == ())

    # --- what people do -----------------------------------------------------------------------

    def start(self) -> Act:
        channel = self._random.choice(CHANNELS)

        def start() -> None:
            self._base.state.start_execution(
                definition=PLAN,
                request=asking(),
                requester=BEN,
                channel=channel,
                delivery=f"growth-{uuid4()}",
            )

        return start

    def refused_start(self) -> Act:
        """The crew already has as many active executions as its limit allows."""

        def start() -> None:
            try:
                self._base.state.start_execution(
                    definition=BOUNDED, request=asking(), requester=BEN
                )
            except LimitReached:
                return
            raise AssertionError("the limit was not enforced")

        return start

    def thread_reply(self) -> Act:
        execution = self._some_execution()
        assert execution.channel is not None
        assert execution.thread_ts is not None
        return self._reply(execution.channel, execution.thread_ts, RevisionOffered)

    def direct_message(self) -> Act:
        return self._reply(DIRECT, self._ts(), Talk)

    def _reply(self, channel: str, thread_ts: str, answered: type[object]) -> Act:
        message = Reply(channel, thread_ts, self._ts(), "looks good", BEN, mentions_bot=False)

        def reply() -> None:
            self._base.reads.execution_in_thread(channel, thread_ts)
            _expect(isinstance(self._base.state.reply(message), answered))

        return reply

    def click(self) -> Act:
        self._drawn = self._draw()
        message = self._message(self._drawn)

        def click() -> None:
            checkpoint = self._base.reads.checkpoint(self._drawn.id)
            self._base.state.decide(
                Decision(
                    checkpoint_id=checkpoint.id,
                    action=Action.CONTINUE,
                    actor=BEN,
                    message=message,
                    delivery=f"growth-{uuid4()}",
                )
            )

        return click

    def edit(self) -> Act:
        checkpoint = self._draw()
        texts = {checkpoint.output.tasks[-1].task if checkpoint.output.tasks else "": "My text."}
        return lambda: self._base.state.edit(Edit(checkpoint.id, texts, BEN))

    def revisions(self) -> Act:
        checkpoint = self._random.choice(self._waiting)
        return lambda: _expect(len(self._base.reads.revisions(checkpoint)) > 0)

    def rest_feedback(self) -> Act:
        checkpoint = self._draw()
        body = FeedbackBody(
            execution_id=checkpoint.execution_id, checkpoint_id=checkpoint.id, action="stop"
        )
        return lambda: self._base.rest.feedback(LOOPBACK, body)

    # --- what workers and the deliverer do ----------------------------------------------------

    def claim(self) -> Act:
        def claim() -> None:
            self._claim = self._base.state.claim(f"{OWNER}#0")
            _expect(self._claim is not None)

        return claim

    def claim_by_id(self) -> Act:
        [*_, queued] = self._base.reads.phase_runs(self._drawn.execution_id)

        def claim() -> None:
            self._claim = self._base.state.claim(f"{OWNER}#0", queued.id)
            _expect(self._claim is not None)

        return claim

    def heartbeat(self) -> Act:
        claim = self._claimed
        return lambda: self._base.state.heartbeat(claim)

    def phase_done(self) -> Act:
        claim = self._claimed
        phase_output = output(DRAFT, tasks=TASKS)
        return lambda: self._base.state.phase_done(claim, phase_output, usage=USED)

    def take(self) -> Act:
        """Take the messages that a start and an opened checkpoint have queued."""

        def take() -> None:
            rows = self._base.outbox.take(owner=f"{OWNER}#0")
            _expect(len(rows) > 0)
            self._taken = rows

        return take

    def take_nothing(self) -> Act:
        self._deliver(self._taken)
        while rows := self._base.outbox.take(owner=f"{OWNER}#0"):
            self._deliver(rows)
        return lambda: _expect(self._base.outbox.take(owner=f"{OWNER}#0") == ())

    def anything_due(self) -> Act:
        return lambda: _expect(not self._base.reads.anything_due())

    def reclaim(self) -> Act:
        """Reclaim leases of dead processes of the host, as at a process's start."""

        def reclaim() -> None:
            _expect(self._base.reads.lease_owners() == ())
            _expect(self._base.state.release_leases(DEAD) == 0)

        return reclaim

    # --- ticks --------------------------------------------------------------------------------

    def expire_nothing(self) -> Act:
        return lambda: _expect(self._base.state.expire_due() == 0)

    def remind_nothing(self) -> Act:
        return lambda: _expect(self._base.state.remind_due() == 0)

    def recover_nothing(self) -> Act:
        return lambda: _expect(self._base.state.recover() == 0)

    def forget_nothing(self) -> Act:
        """All rows are too recent to be deleted."""
        state = self._base.state

        def forget() -> None:
            state.delete_old_deliveries()
            state.delete_expired()
            _expect(state.delete_old_messages(older_than=LONG_AGO, limit=500) == 0)
            _expect(state.delete_old_executions(older_than=LONG_AGO) == 0)

        return forget

    # --- arranging ----------------------------------------------------------------------------

    @property
    def _claimed(self) -> Claim:
        assert self._claim is not None, "nothing was claimed"
        return self._claim

    def _draw(self) -> Checkpoint:
        """A waiting checkpoint, which will not be drawn again."""
        place = self._random.randrange(len(self._waiting))
        return self._base.reads.checkpoint(self._waiting.pop(place))

    def _some_execution(self) -> Execution:
        checkpoint = self._base.reads.checkpoint(self._random.choice(self._waiting))
        return self._base.reads.execution(checkpoint.execution_id)

    def _channel(self) -> str:
        """A channel in which something waits."""
        channel = self._some_execution().channel
        assert channel is not None
        return channel

    def _message(self, checkpoint: Checkpoint) -> MessageRef:
        execution = self._base.reads.execution(checkpoint.execution_id)
        assert execution.channel is not None
        assert checkpoint.message_ts is not None
        return MessageRef(execution.channel, checkpoint.message_ts)

    def _ts(self) -> str:
        self._posts += 1
        return f"{self._born}.{self._posts:06d}"

    def _deliver(self, rows: tuple[OutboxRow, ...]) -> None:
        for row in rows:
            self._base.outbox.shown(self._post(row) if row.ts is None else row, row.version)

    def _post(self, row: OutboxRow) -> OutboxRow:
        sending = self._base.outbox.sending(row)
        return self._base.outbox.posted(
            sending, channel=row.channel, ts=self._ts(), shown=row.version
        )


def _expect(holds: bool) -> None:
    """Assert that a timed operation did its work."""
    assert holds, "an operation did not find the rows that were filled in for it"


ACTS: Final[Mapping[str, Callable[[Operations], Act]]] = {
    "/crew status: what waits in a channel": Operations.inbox,
    "a page of a channel's executions": Operations.list_page,
    "an execution by the beginning of its id": Operations.run_by_short_id,
    "GET status": Operations.rest_status,
    "GET checkpoint": Operations.rest_checkpoint,
    "GET health: its counts": Operations.health,
    "a phase's usual use": Operations.estimate,
    "a phase's usual use, of a crew that seldom runs": Operations.estimate_of_rare,
    "a reply in a thread": Operations.thread_reply,
    "a reply in a direct message": Operations.direct_message,
    "a start": Operations.start,
    "a start, refused by a limit": Operations.refused_start,
    "claim, the oldest": Operations.claim,
    "heartbeat": Operations.heartbeat,
    "phase_done, opening a checkpoint": Operations.phase_done,
    "a click": Operations.click,
    "claim, by id": Operations.claim_by_id,
    "phase_done, ending": Operations.phase_done,
    "outbox take": Operations.take,
    "outbox take, nothing to do": Operations.take_nothing,
    "an edit": Operations.edit,
    "the revisions of a phase": Operations.revisions,
    "POST feedback": Operations.rest_feedback,
    "a worker's look, nothing due": Operations.anything_due,
    "what the dead held, at a start": Operations.reclaim,
    "expiry tick, nothing due": Operations.expire_nothing,
    "remind tick, nothing due": Operations.remind_nothing,
    "recover tick, nothing due": Operations.recover_nothing,
    "forget ticks, nothing old": Operations.forget_nothing,
}
