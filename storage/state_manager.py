"""StateManager: one method = one transaction = one use case.

Each reads, decides, writes by compare-and-set, adds audit and outbox rows and the next phase
run, and commits once. Effects (telling workers and the deliverer) come after the commit, by id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from itertools import takewhile
from typing import Final, TypeVar

from sqlalchemy import Engine
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from storage.db.database import reading, writing
from storage.db.transaction import Transaction
from storage.definitions import CrewDefinition, CrewReport, PhaseDefinition
from storage.errors import Conflict, StaleExecution
from storage.outbox import outbox
from storage.ports import Dispatch, SharedClock, Signal
from storage.records import (
    Actor,
    Checkpoint,
    Claim,
    Decided,
    Decision,
    Execution,
    Failure,
    Lesson,
    MessageRef,
    PhaseOutput,
    Question,
    Reply,
    Request,
    RevisionOffered,
    Talk,
    Usage,
)
from storage.use_cases import (
    decisions,
    executions,
    lessons,
    phase_runs,
    questions,
    retention,
    timeouts,
)

T = TypeVar("T")

AGAIN: Final = Retrying(
    retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(3), reraise=True
)
"""Runs a use case again, without a wait, if another writer's commit undid it."""


class StateManager:
    """All that changes an execution. Safe to share between threads.

    Every method raises Busy, with nothing changed, if the database does not take the write in
    time; the other errors of a method are named in its docstring and live in storage.errors.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: SharedClock,
        dispatch: Dispatch,
        signal: Signal,
        lease: timedelta = timedelta(seconds=30),
        backoff: timedelta = timedelta(seconds=2),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._dispatch = dispatch
        self._signal = signal
        self._lease = lease
        self._backoff = backoff

    def _commit(self, use_case: Callable[[Transaction], T]) -> T:
        """Run a use case in a transaction, again if another writer was in its way."""
        result: T = AGAIN(self._commit_once, use_case)
        return result

    def _commit_batch(self, use_case: Callable[..., int], *, limit: int) -> int:
        """Run it for up to `limit` at once, or where others were in its way for one after another;
        for how many it was."""
        try:
            return self._commit_once(lambda tx: use_case(tx, limit=limit))
        except (Conflict, StaleExecution):
            one = partial(self._commit, partial(use_case, limit=1))
            return sum(takewhile(bool, (one() for _ in range(limit))))

    def _commit_once(self, use_case: Callable[[Transaction], T]) -> T:
        tx: Transaction | None = None
        try:
            with writing(self._engine) as connection:
                tx = Transaction(connection, self._clock, self._dispatch, self._lease)
                given = use_case(tx)
                tx.flush()
        except BaseException:
            if tx is not None:
                tx.leave_seat()
            raise
        tx.take_seat()
        for phase_run_id in tx.queued:
            self._dispatch.committed(phase_run_id)
        if tx.outbox_changed:
            self._signal.outbox_changed()
        return given

    # --- executions -------------------------------------------------------------------------

    def start_execution(
        self,
        *,
        definition: CrewDefinition,
        request: Request,
        requester: Actor,
        channel: str | None = None,
        checkpoints: Sequence[str] | None = None,
        delivery: str | None = None,
    ) -> Execution:
        """Record an execution, its first phase run and, with a channel, its root message.

        `checkpoints` chooses among the crew's checkpoints (None: all); to leave one out is a
        skip decided in advance by `requester`. A `delivery` seen before returns the execution
        that it started. Raises UnknownCheckpointName, LeavingOutNotAllowed, LimitReached.
        """
        return self._commit(
            lambda tx: executions.start(
                tx,
                definition=definition,
                request=request,
                requester=requester,
                channel=channel,
                checkpoints=checkpoints,
                delivery=delivery,
            )
        )

    def cancel(self, execution_id: str, *, actor: Actor) -> Execution:
        """End an execution that has not ended; a running phase is told at its next heartbeat.

        Raises UnknownExecution, NotAllowed, WrongState.
        """
        return self._commit(lambda tx: executions.cancel(tx, execution_id, actor=actor))

    def retry(self, execution_id: str, *, actor: Actor) -> Execution:
        """Queue the failed phase of an execution in `error` again.

        Raises UnknownExecution, NotAllowed, WrongState.
        """
        return self._commit(lambda tx: executions.retry(tx, execution_id, actor=actor))

    # --- phase runs -------------------------------------------------------------------------

    def claim(self, owner: str, phase_run_id: str | None = None) -> Claim | None:
        """Take a phase run that is queued and due, or whose lease ran out; None: there is none.

        The one that is named, or else the oldest. `owner` names the worker's process. Of two
        workers one gets it.
        """
        return self._commit(lambda tx: phase_runs.claim(tx, owner=owner, phase_run_id=phase_run_id))

    def heartbeat(self, claim: Claim) -> Claim:
        """Renew the lease. Raises LeaseLost when it was taken, given up or cancelled."""
        return self._commit(lambda tx: phase_runs.heartbeat(tx, claim))

    def progress(
        self, claim: Claim, progress: dict[str, object], *, usage: Usage | None = None
    ) -> None:
        """Store what the root message shows of a running phase. Raises LeaseLost.

        `progress` is JSON: {"tasks": [{"task", "agent", "state"}], …}. `usage` is what the phase
        run used so far, over all its workers; None leaves what stands.
        """
        self._commit(lambda tx: phase_runs.progress(tx, claim, progress, usage))

    def give_back(self, claim: Claim, *, usage: Usage | None = None) -> None:
        """Queue a claimed phase run again at once (a worker that is told to end)."""
        self._commit(lambda tx: phase_runs.give_back(tx, claim, usage))

    def record_phases(
        self,
        claim: Claim,
        phases: Sequence[str | PhaseDefinition],
        *,
        arising: Sequence[tuple[str, str, str]] = (),
    ) -> Claim:
        """Write down the phases of a crew that described itself, before it runs.

        A bare name is a phase of that one task. `arising` are checkpoints of the crew's own, as
        (name, after which phase, description); one that crews.yml has at that boundary stands
        instead. Returns the claim with its phase named. Raises LeaseLost, NoRule, and BadBoundary
        if a checkpoint names a phase that is not there.
        """
        described = tuple(
            PhaseDefinition(phase, (phase,)) if isinstance(phase, str) else phase
            for phase in phases
        )
        return self._commit(lambda tx: phase_runs.record_phases(tx, claim, described, arising))

    def ask(self, claim: Claim, question: Question) -> Checkpoint:
        """Open a checkpoint for what a running child asks; the phase run goes on running.

        If this very question was answered to a child that died, that answer is returned.
        Raises LeaseLost, NoRule.
        """
        return self._commit(lambda tx: questions.ask(tx, claim, question))

    def phase_done(
        self, claim: Claim, output: PhaseOutput, *, usage: Usage | None = None
    ) -> Execution:
        """Store a phase's output; open its checkpoint, queue the next phase, or finish.

        `usage` is what the phase run used over all its workers; None: what the output tells.
        Raises LeaseLost: then nothing was stored.
        """
        return self._commit(lambda tx: phase_runs.done(tx, claim, output, usage))

    def fail(self, claim: Claim, failure: Failure, *, usage: Usage | None = None) -> Execution:
        """Queue another try after a backoff, or, with no try left, put the execution in error.

        Raises LeaseLost.
        """
        return self._commit(
            lambda tx: phase_runs.fail(tx, claim, failure, usage, backoff=self._backoff)
        )

    def release_leases(self, owners: Sequence[str]) -> int:
        """End the leases of owners that are known to be dead: their phase runs are queued again,
        their messages go to the next deliverer. Returns the number of leases.
        """
        return self._commit(lambda tx: phase_runs.release_leases(tx, owners))

    def recover(self) -> int:
        """Hand every queued phase run that is due, and every lost lease, to Dispatch again."""
        return self._commit(phase_runs.recover)

    def report_crew(self, report: CrewReport) -> None:
        """Store what a child found when it built a crew."""
        self._commit(lambda tx: executions.report_crew(tx, report))

    # --- decisions --------------------------------------------------------------------------

    def decide(self, decision: Decision) -> Decided:
        """Record a decision and queue what it leads to: exactly one decision a checkpoint.

        Raises UnknownCheckpoint, AlreadyDecided, OutdatedMessage, NotAllowed, NotOffered,
        TextNeeded, UnknownTasks, OutcomeNeeded, LimitReached.
        """
        return self._commit(lambda tx: decisions.decide(tx, decision))

    def intend_revise(
        self, checkpoint_id: str, *, actor: Actor, message: MessageRef | None = None
    ) -> Checkpoint:
        """Note that somebody is about to write a revision: their next reply is taken as it.

        Holds for 15 minutes. Raises as `decide` does.
        """
        return self._commit(
            lambda tx: decisions.intend_revise(tx, checkpoint_id, actor=actor, message=message)
        )

    def drop_intent(self, checkpoint_id: str, *, actor: Actor) -> bool:
        """Forget the intent (Never mind); whether there was one."""
        return self._commit(lambda tx: decisions.drop_intent(tx, checkpoint_id, actor=actor))

    def reply(self, reply: Reply) -> Decided | RevisionOffered | Talk:
        """Take a message in a thread: a revision after an intent or with a mention, else talk.

        A (channel, ts) seen before is Talk. Raises as `decide` does.
        """
        return self._commit(lambda tx: decisions.reply(tx, reply))

    # --- ticks ------------------------------------------------------------------------------

    def expire_due(self, *, limit: int = 100) -> int:
        """Let the timeout decide checkpoints past their deadline; how many it decided.

        They are decided together, or where that does not go well one by one.
        """
        return self._commit_batch(timeouts.expire_due, limit=limit)

    def remind_due(self, *, limit: int = 100) -> int:
        """Queue reminders at half time and shortly before the deadline; how many."""
        return self._commit_batch(timeouts.remind_due, limit=limit)

    def forget_deliveries(self, *, older_than: timedelta = timedelta(hours=48)) -> int:
        """Drop the de-duplication rows of deliveries that can no longer come again."""
        return self._commit(lambda tx: timeouts.forget_deliveries(tx, older_than=older_than))

    def forget_expired(self) -> int:
        """Drop revise intents that ran out, and the pace of channels that are quiet for long."""
        return self._commit(lambda tx: retention.intents(tx) + retention.quiet_channels(tx))

    def forget_messages(self, *, older_than: timedelta, limit: int = 100) -> int:
        """Drop what was delivered of executions that ended so long ago; how many rows."""
        with reading(self._engine) as connection:
            before = self._clock.at(connection) - older_than
            done = retention.delivered(connection, before=before, limit=limit)
        return self._commit(lambda tx: retention.messages(tx, done)) if done else 0

    def forget_executions(self, *, older_than: timedelta, limit: int = 100) -> int:
        """Drop executions that ended so long ago, with all their rows but the log's; how many."""
        return self._commit(
            lambda tx: retention.old_executions(tx, before=tx.now - older_than, limit=limit)
        )

    # --- lessons ----------------------------------------------------------------------------

    def add_lesson(self, checkpoint_id: str, *, actor: Actor) -> Lesson:
        """Keep a revision's words for the crew's later runs. Once a checkpoint.

        Raises UnknownCheckpoint, NotAllowed, NoLesson.
        """
        return self._commit(lambda tx: lessons.add(tx, checkpoint_id, actor=actor))

    def delete_lesson(self, lesson_id: str, *, actor: Actor) -> Lesson:
        """Raises UnknownLesson, NotAllowed."""
        return self._commit(lambda tx: lessons.delete(tx, lesson_id, actor=actor))

    # --- words to a thread ------------------------------------------------------------------

    def notice(self, execution_id: str, text: str, *, key: str) -> None:
        """Queue a message to the execution's thread, once a `key`. Without a thread: nothing."""
        self._commit(lambda tx: outbox.notice(tx, execution_id, text=text, key=key))
