"""StateManager: one method = one transaction = one use case.

Each reads, decides, writes by compare-and-set, adds audit and outbox rows and the next phase
run, and commits once. Effects (waking workers and the deliverer) come after the commit, by id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import takewhile
from typing import Final, TypeVar

from sqlalchemy import Engine
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from storage.db import event_log
from storage.db.database import reading, writing
from storage.db.transaction import Transaction
from storage.decisions import (
    Decided,
    Decision,
    Edit,
    EditedWords,
    Reopened,
    Reply,
    Talk,
    UseRevision,
    WordsTaken,
    WordsTooLate,
)
from storage.definitions import CrewDefinition, CrewReport, PhaseDefinition
from storage.errors import Conflict, StaleExecution
from storage.kept_files import KeptFile, Publication
from storage.measurements import Measurement
from storage.outbox import new_messages as outbox
from storage.ports import NO_CIPHER, Cipher, Dispatch, Meter, NoMeter, SharedClock, Signal
from storage.records import (
    Actor,
    Checkpoint,
    Claim,
    Execution,
    Failure,
    Lesson,
    MessageRef,
    PhaseOutput,
    Question,
    Request,
    Usage,
)
from storage.use_cases import (
    decisions,
    edits,
    executions,
    inbox,
    lessons,
    phase_runs,
    questions,
    replies,
    retention,
    timeouts,
    webhooks,
)
from storage.use_cases import files as kept_files
from storage.use_cases import webhooks as webhook_use_cases
from storage.webhooks import NewWebhook

T = TypeVar("T")

NO_WEBHOOKS: Final[Mapping[str, Sequence[NewWebhook]]] = {}

AGAIN: Final = Retrying(
    retry=retry_if_exception_type(Conflict), stop=stop_after_attempt(3), reraise=True
)
"""Retries a use case at once if it conflicted with another writer."""


class StateManager:
    """Everything that changes an execution. Safe to share between threads.

    Every method raises Busy, with nothing changed, if the database does not accept the write in
    time. The other errors are named in the methods' docstrings and defined in storage.errors.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        clock: SharedClock,
        dispatch: Dispatch,
        signal: Signal,
        meter: Meter | None = None,
        lease: timedelta = timedelta(seconds=30),
        backoff: timedelta = timedelta(seconds=2),
        cipher: Cipher = NO_CIPHER,
        crew_webhooks: Mapping[str, Sequence[NewWebhook]] = NO_WEBHOOKS,
    ) -> None:
        """`crew_webhooks` are those of crews.yml, by crew. `cipher` encrypts webhooks' secrets."""
        self._engine = engine
        self._clock = clock
        self._dispatch = dispatch
        self._signal = signal
        self._meter = meter or NoMeter()
        self._lease = lease
        self._backoff = backoff
        self._cipher = cipher
        self._crew_webhooks = crew_webhooks

    def _commit(self, use_case: Callable[[Transaction], T]) -> T:
        """Run a use case in a transaction; retry it after a conflict with another writer."""
        result: T = AGAIN(self._commit_once, use_case)
        return result

    def _commit_batch(self, use_case: Callable[..., int], *, limit: int) -> int:
        """Run a use case for up to `limit` rows together, or one by one after a conflict.

        Returns the number of rows.
        """
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
                result = use_case(tx)
                tx.flush()
        except BaseException:
            if tx is not None:
                tx.release_slot()
            raise
        tx.run_in_slot()
        for phase_run_id in tx.queued:
            self._dispatch.committed(phase_run_id)
        if tx.outbox_changed:
            self._signal.outbox_changed()
        if tx.measurements:
            self._meter.record(tx.measurements)
        event_log.write(tx.events)
        if tx.has_events:
            self._signal.events_committed()
        return result

    def measure(self, measurements: Sequence[Measurement]) -> None:
        """Hand over what was measured outside the use cases."""
        self._meter.record(measurements)

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
        webhooks: Sequence[NewWebhook] = (),
    ) -> Execution:
        """Record an execution, its first phase run and, with a channel, its root message.

        `checkpoints` selects among the crew's checkpoints (None: all); leaving one out is a skip
        that `requester` decides in advance. A repeated `delivery` returns the execution that the
        first one started. `webhooks` are its own, beside those that crews.yml names for its crew.
        Raises UnknownCheckpointName, LeavingOutNotAllowed, LimitReached.
        """
        new_webhooks = (*self._crew_webhooks.get(definition.name, ()), *webhooks)
        return self._commit(
            lambda tx: executions.start(
                tx,
                definition=definition,
                request=request,
                requester=requester,
                channel=channel,
                checkpoints=checkpoints,
                delivery=delivery,
                new_webhooks=new_webhooks,
                cipher=self._cipher,
            )
        )

    def replace_webhooks(self, execution_id: str, webhooks: Sequence[NewWebhook]) -> None:
        """Send what an execution's webhooks get to these addresses from now on, by purpose.

        Webhooks of crews.yml stay as they are. Raises UnknownExecution.
        """
        self._commit(lambda tx: webhook_use_cases.replace(tx, execution_id, webhooks, self._cipher))

    def cancel(self, execution_id: str, *, actor: Actor) -> Execution:
        """Cancel an execution that has not ended; its worker notices at the next heartbeat.

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
        """Claim a phase run that is due or whose lease has expired, or return None.

        With `phase_run_id` only that one, else the oldest. `owner` names the worker's process. Of
        several workers exactly one gets a phase run.
        """
        return self._commit(lambda tx: phase_runs.claim(tx, owner=owner, phase_run_id=phase_run_id))

    def heartbeat(self, claim: Claim) -> Claim:
        """Renew the lease. Raises LeaseLost if another worker has it or the run was cancelled."""
        return self._commit(lambda tx: phase_runs.heartbeat(tx, claim))

    def progress(
        self, claim: Claim, progress: dict[str, object], *, usage: Usage | None = None
    ) -> None:
        """Store what the root message shows of a running phase. Raises LeaseLost.

        `progress` is JSON: {"tasks": [{"task", "agent", "state"}], …}. `usage` is what the phase
        run has used so far, over all its workers; None keeps the stored value.
        """
        self._commit(lambda tx: phase_runs.progress(tx, claim, progress, usage))

    def release_claim(self, claim: Claim, *, usage: Usage | None = None) -> None:
        """Queue a claimed phase run again at once: its worker is shutting down."""
        self._commit(lambda tx: phase_runs.release_claim(tx, claim, usage))

    def record_phases(
        self,
        claim: Claim,
        phases: Sequence[str | PhaseDefinition],
        *,
        task_checkpoints: Sequence[tuple[str, str, str]] = (),
        methods: Sequence[str] = (),
    ) -> Claim:
        """Store the phases of a crew that described itself, before it runs.

        A bare name is a phase of that one task. `arising` are checkpoints of the crew's own, as
        (name, after which phase, description); a checkpoint of crews.yml at the same boundary
        replaces it. `methods` are those of a flow, at which the checkpoints of crews.yml are.
        Returns the claim with its phase named. Raises LeaseLost, NoRule, and BadBoundary if a
        checkpoint names a phase or method that does not exist.
        """
        described = tuple(
            PhaseDefinition(phase, (phase,)) if isinstance(phase, str) else phase
            for phase in phases
        )
        return self._commit(
            lambda tx: phase_runs.record_phases(tx, claim, described, task_checkpoints, methods)
        )

    def ask(self, claim: Claim, question: Question) -> Checkpoint:
        """Open a checkpoint for a question of a running child; the phase run keeps running.

        If the same question was answered for a child that has died, returns that answer.
        Raises LeaseLost, NoRule.
        """
        return self._commit(lambda tx: questions.ask(tx, claim, question))

    def phase_done(
        self,
        claim: Claim,
        output: PhaseOutput,
        *,
        usage: Usage | None = None,
        files: Sequence[KeptFile] = (),
    ) -> Execution:
        """Store a phase's output; open its checkpoint, queue the next phase, or finish.

        `usage` is what the phase run used over all its workers; None: the usage in `output`.
        `files` are those in `output.files` that are kept. Raises LeaseLost, with nothing stored.
        """
        rows = kept_files.to_rows(claim, files)
        return self._commit(lambda tx: phase_runs.done(tx, claim, output, usage, rows))

    def fail(self, claim: Claim, failure: Failure, *, usage: Usage | None = None) -> Execution:
        """Queue another try after a backoff, or put the execution in `error` if none is left.

        Raises LeaseLost.
        """
        return self._commit(
            lambda tx: phase_runs.fail(tx, claim, failure, usage, backoff=self._backoff)
        )

    def release_leases(self, owners: Sequence[str]) -> int:
        """Release the leases of owners that are known to be dead; returns how many.

        Their phase runs are queued again, and their messages go to the next deliverer.
        """
        return self._commit(lambda tx: phase_runs.release_leases(tx, owners))

    def recover(self) -> int:
        """Dispatch again what is due: queued phase runs and those whose lease has expired.

        Returns how many.
        """
        return self._commit(phase_runs.recover)

    def record_published(
        self, publication: Publication, *, files: int, refused: Sequence[str] = ()
    ) -> None:
        """Record that so many approved files are in their project; `refused` paths are not."""
        self._commit(
            lambda tx: kept_files.record_published(tx, publication, files=files, refused=refused)
        )

    def record_not_published(
        self, publication: Publication, reason: str, *, delay: timedelta = timedelta(0)
    ) -> None:
        """Record why a publication failed, and try it again after `delay`."""
        self._commit(
            lambda tx: kept_files.record_not_published(tx, publication, reason=reason, delay=delay)
        )

    def report_crew(self, report: CrewReport) -> None:
        """Store the result of building a crew in a child."""
        self._commit(lambda tx: executions.report_crew(tx, report))

    # --- decisions --------------------------------------------------------------------------

    def decide(self, decision: Decision) -> Decided:
        """Record a decision and queue what follows; each checkpoint is decided exactly once.

        Raises UnknownCheckpoint, AlreadyDecided, OutdatedMessage, NotAllowed, NotOffered,
        TextNeeded, UnknownTasks, OutcomeNeeded, BadForm, LimitReached.
        """
        return self._commit(lambda tx: decisions.decide(tx, decision))

    def edit(self, edit: Edit) -> Reopened:
        """Replace a phase's output by a text that a person wrote, and open a checkpoint for it.

        Raises UnknownCheckpoint, AlreadyDecided, OutdatedMessage, NotAllowed, NotOffered,
        UnknownTasks, BlankEdit, WrongStructure, NothingChanged, LimitReached.
        """
        return self._commit(lambda tx: edits.edit(tx, edit))

    def use_revision(self, wish: UseRevision) -> Reopened:
        """Replace a phase's output by that of an earlier revision, and open a checkpoint for it.

        Raises UnknownCheckpoint, AlreadyDecided, OutdatedMessage, NotAllowed, NotOffered,
        UnknownRevision, NothingChanged.
        """
        return self._commit(lambda tx: edits.use_revision(tx, wish))

    def intend_revise(
        self, checkpoint_id: str, *, actor: Actor, message: MessageRef | None = None
    ) -> Checkpoint:
        """Note that somebody is about to write a revision: their next reply will be the revision.

        Expires after 15 minutes. Raises what `decide` raises.
        """
        return self._commit(
            lambda tx: decisions.intend_revise(tx, checkpoint_id, actor=actor, message=message)
        )

    def intend_edit(
        self,
        checkpoint_id: str,
        *,
        actor: Actor,
        message: MessageRef | None = None,
        shown: str | None = None,
    ) -> Checkpoint:
        """Note that somebody is about to edit the output: a text file in their next reply will be
        its new text.

        Expires after 15 minutes. Raises what `edit` raises.
        """
        return self._commit(
            lambda tx: decisions.intend_edit(
                tx, checkpoint_id, actor=actor, message=message, shown=shown
            )
        )

    def drop_intent(self, checkpoint_id: str, *, actor: Actor) -> bool:
        """Delete the intent (Never mind). Returns whether there was one."""
        return self._commit(lambda tx: decisions.drop_intent(tx, checkpoint_id, actor=actor))

    def reply(self, reply: Reply) -> replies.Outcome:
        """Handle a message in a thread: a revision after an intent or with a mention, else talk.

        Further messages of a person whose revision has not started belong to it. A repeated
        (channel, ts) is Talk. Raises what `decide` raises.
        """
        return self._commit(lambda tx: replies.reply(tx, reply))

    def add_words(self, reply: Reply) -> WordsTaken | WordsTooLate | Talk:
        """Add a reply that `reply` has offered to the revision that its author made since."""
        return self._commit(lambda tx: replies.add_words(tx, reply))

    def edit_words(self, edited: EditedWords) -> WordsTaken | WordsTooLate | Talk:
        """Handle a changed message: a revision that has not started gets the new words."""
        return self._commit(lambda tx: replies.edit_words(tx, edited))

    def is_first(self, delivery: str) -> bool:
        """Record a delivery that changes no execution; returns False if it was recorded before."""
        return self._commit(lambda tx: inbox.is_first(tx, delivery))

    # --- ticks ------------------------------------------------------------------------------

    def expire_due(self, *, limit: int = 100) -> int:
        """Let the timeout decide checkpoints past their deadline; returns how many.

        They are decided together, or one by one after a conflict.
        """
        return self._commit_batch(timeouts.expire_due, limit=limit)

    def remind_due(self, *, limit: int = 100) -> int:
        """Queue reminders at half time and shortly before the deadline; returns how many."""
        return self._commit_batch(timeouts.remind_due, limit=limit)

    def delete_old_deliveries(self, *, older_than: timedelta = timedelta(hours=48)) -> int:
        """Delete the keys of deliveries that can no longer be repeated; returns how many."""
        return self._commit(lambda tx: timeouts.delete_old_deliveries(tx, older_than=older_than))

    def delete_expired(self) -> int:
        """Delete expired revise intents and the rate limits of idle channels; returns how many."""
        return self._commit(
            lambda tx: retention.delete_expired_intents(tx) + retention.delete_idle_rate_limits(tx)
        )

    def delete_old_messages(self, *, older_than: timedelta, limit: int = 100) -> int:
        """Delete the delivered messages of executions that ended so long ago; returns how many."""
        with reading(self._engine) as connection:
            before = self._clock.at(connection) - older_than
            delivered = retention.find_delivered(connection, before=before, limit=limit)
        if not delivered:
            return 0
        return self._commit(lambda tx: retention.delete_messages(tx, delivered))

    def delete_old_executions(self, *, older_than: timedelta, limit: int = 100) -> int:
        """Delete executions that ended so long ago, with all their rows except the audit log's.

        Returns how many.
        """
        return self._commit(
            lambda tx: retention.delete_old_executions(tx, before=tx.now - older_than, limit=limit)
        )

    # --- lessons ----------------------------------------------------------------------------

    def add_lesson(self, checkpoint_id: str, *, actor: Actor) -> Lesson:
        """Make a revision a lesson for the crew's later runs. Idempotent for each checkpoint.

        Raises UnknownCheckpoint, NotAllowed, NoLesson.
        """
        return self._commit(lambda tx: lessons.add(tx, checkpoint_id, actor=actor))

    def delete_lesson(self, lesson_id: str, *, actor: Actor) -> Lesson:
        """Raises UnknownLesson, NotAllowed."""
        return self._commit(lambda tx: lessons.delete(tx, lesson_id, actor=actor))

    def replay_webhook(self, delivery_id: str) -> None:
        """Queue a webhook's dead delivery again. Raises UnknownDelivery, NotDead."""
        self._commit(lambda tx: webhooks.replay(tx, delivery_id))

    # --- notices ----------------------------------------------------------------------------

    def notice(self, execution_id: str, text: str, *, key: str) -> None:
        """Queue a text for the execution's thread, once for each `key`, if it has a thread."""
        self._commit(lambda tx: outbox.add_notice(tx, execution_id, text=text, key=key))
