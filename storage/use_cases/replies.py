"""Use cases of messages in a thread: a decision, a revision in several messages, or talk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from storage.characters import is_blank, trimmed
from storage.db import message_statements, sql, statements
from storage.db.rows import (
    execution_in_thread,
    find_checkpoint,
    find_execution,
    lock_execution,
    to_checkpoint,
    to_phase_run,
    waiting_checkpoint,
)
from storage.db.transaction import Transaction
from storage.decision_words import named_outcome, says_yes
from storage.decisions import (
    Decided,
    Decision,
    EditedWords,
    Reply,
    RevisionOffered,
    Talk,
    WordsTaken,
    WordsTooLate,
)
from storage.errors import AlreadyDecided, Conflict
from storage.outbox import new_messages
from storage.policy import may_decide, offered_actions
from storage.records import (
    Action,
    Actor,
    Checkpoint,
    CheckpointKind,
    Execution,
    Feedback,
    PhaseRun,
    RevisionMeans,
)
from storage.states import CheckpointState, PhaseRunState
from storage.use_cases import inbox
from storage.use_cases.decisions import MORE_WORDS_WITHIN, decide

LONGEST_WAIT: Final = timedelta(seconds=30)
"""How long a revision waits at most for further messages."""

ANSWER_WITHIN: Final = timedelta(minutes=1)
"""How long after a revision its author's talk in the thread may belong to it."""

Outcome = Decided | RevisionOffered | WordsTaken | WordsTooLate | Talk


def reply(tx: Transaction, message: Reply) -> Outcome:
    delivery = f"message:{message.channel}:{message.ts}"
    if inbox.was_delivered(tx, delivery):
        return Talk(repeated=True)
    checkpoint = _waiting_in_thread(tx, message)
    if checkpoint is None:
        return _add_words(tx, message, delivery)
    try:
        outcome = _reply_to(tx, checkpoint, message, delivery)
    except AlreadyDecided:
        return _add_words(tx, message, delivery)
    inbox.record(tx, delivery, execution_id=checkpoint.execution_id)
    return outcome


def add_words(tx: Transaction, message: Reply) -> WordsTaken | WordsTooLate | Talk:
    """Add a message that was talk before to the revision of its author."""
    delivery = f"added:{message.channel}:{message.ts}"
    if inbox.was_delivered(tx, delivery):
        return Talk(repeated=True)
    return _add_words(tx, message, delivery)


def _reply_to(tx: Transaction, checkpoint: Checkpoint, message: Reply, delivery: str) -> Outcome:
    execution = find_execution(tx.connection, checkpoint.execution_id)
    verdict = may_decide(checkpoint.rule, actor=message.actor, requester=execution.requester)
    is_meant = message.mentions_bot or _intends(tx, checkpoint, message.actor)
    outcome = named_outcome(message.text, checkpoint.outcomes)
    answers = checkpoint.kind is CheckpointKind.QUESTION
    yes = None if answers else says_yes(message.text)
    if is_meant and (outcome is not None or yes is None or not verdict.allowed):
        return decide(tx, _meant(checkpoint, message, delivery, outcome=outcome))
    offered = offered_actions(checkpoint, execution.definition)
    usable = answers or yes or outcome is not None or Action.REVISE in offered
    if not verdict.allowed or not usable or is_blank(message.text):
        return Talk()
    says = True if outcome is not None else yes
    return RevisionOffered(checkpoint, message.text, says, outcome)


def _meant(
    checkpoint: Checkpoint, message: Reply, delivery: str, *, outcome: str | None
) -> Decision:
    """The decision that a reply makes: an outcome, an answer or a revision."""
    continues = outcome is not None or checkpoint.kind is CheckpointKind.QUESTION
    return Decision(
        checkpoint_id=checkpoint.id,
        action=Action.CONTINUE if continues else Action.REVISE,
        actor=message.actor,
        text="" if outcome is not None else message.text,
        delivery=delivery,
        outcome=outcome,
        may_go_on=True,
    )


def _intends(tx: Transaction, checkpoint: Checkpoint, actor: Actor) -> bool:
    intent = {
        "of_checkpoint": checkpoint.id,
        "of_actor": actor.id,
        "of_means": RevisionMeans.RUN,
    }
    expires_at = sql.execute(tx.connection, statements.INTENT, intent).scalar()
    return expires_at is not None and expires_at > tx.now


def _waiting_in_thread(tx: Transaction, message: Reply) -> Checkpoint | None:
    """Return the checkpoint that waits in this thread.

    The thread is the execution's, or that of a checkpoint message that had to be shown elsewhere.
    """
    execution = execution_in_thread(
        tx.connection, channel=message.channel, thread_ts=message.thread_ts
    )
    if execution is not None:
        return waiting_checkpoint(tx.connection, execution.id)
    moved = _moved_checkpoint(tx, channel=message.channel, thread_ts=message.thread_ts)
    return None if moved is None else find_checkpoint(tx.connection, moved)


def _moved_checkpoint(tx: Transaction, *, channel: str, thread_ts: str) -> str | None:
    place = {"of_channel": channel, "of_ts": thread_ts}
    moved: str | None = sql.execute(
        tx.connection, message_statements.MOVED_CHECKPOINT, place
    ).scalar()
    return moved


# --- a revision in several messages ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Revision:
    """The newest revision of an execution that a person asked for, and its newest run."""

    execution: Execution
    checkpoint: Checkpoint
    feedback: Feedback
    run: PhaseRun

    @property
    def is_queued(self) -> bool:
        """Whether no worker has had it yet."""
        return self.run.state is PhaseRunState.QUEUED and self.run.fence == 0

    @property
    def is_open(self) -> bool:
        return self.run.state in (PhaseRunState.QUEUED, PhaseRunState.RUNNING)


def _add_words(tx: Transaction, message: Reply, delivery: str) -> WordsTaken | WordsTooLate | Talk:
    """Add a message to the revision that the same person has just asked for."""
    revision = _revision_in(tx, channel=message.channel, thread_ts=message.thread_ts)
    if revision is None or revision.feedback.actor.id != message.actor.id:
        return Talk()
    is_recent = tx.now <= revision.feedback.at + ANSWER_WITHIN
    if not revision.is_open or not (message.mentions_bot or is_recent):
        return Talk()
    if is_blank(message.text):
        return Talk()
    inbox.record(tx, delivery, execution_id=revision.execution.id)
    if not revision.is_queued:
        return WordsTooLate(revision.checkpoint)
    text = f"{revision.feedback.text}\n{trimmed(message.text)}"
    return WordsTaken(_with_words(tx, revision, text, event="revision.words_added"))


def edit_words(tx: Transaction, edited: EditedWords) -> WordsTaken | WordsTooLate | Talk:
    """Put the new words of a message in place of those that a revision has of it."""
    if inbox.was_delivered(tx, edited.delivery):
        return Talk(repeated=True)
    if not inbox.was_delivered(tx, f"message:{edited.channel}:{edited.ts}"):
        return Talk()
    revision = _revision_in(tx, channel=edited.channel, thread_ts=edited.thread_ts)
    if revision is None or revision.feedback.actor.id != edited.actor_id or not revision.is_open:
        return Talk()
    before, after = trimmed(edited.before), trimmed(edited.after)
    if before not in revision.feedback.text or before == after:
        return Talk()
    inbox.record(tx, edited.delivery, execution_id=revision.execution.id)
    text = trimmed(revision.feedback.text.replace(before, after, 1))
    if not revision.is_queued or not before or not text:
        return WordsTooLate(revision.checkpoint)
    return WordsTaken(_with_words(tx, revision, text, event="revision.words_changed"))


def _revision_in(tx: Transaction, *, channel: str, thread_ts: str) -> _Revision | None:
    execution = execution_in_thread(tx.connection, channel=channel, thread_ts=thread_ts)
    if execution is not None:
        execution_id = execution.id
    else:
        moved = _moved_checkpoint(tx, channel=channel, thread_ts=thread_ts)
        if moved is None:
            return None
        execution_id = find_checkpoint(tx.connection, moved).execution_id
    locked = lock_execution(
        tx, execution_id
    )  # two messages at once would each add to the same text
    of_execution = {"of_execution": execution_id}
    run = sql.execute(tx.connection, statements.LAST_RUN, of_execution).first()
    revised = sql.execute(
        tx.connection,
        statements.LAST_REVISED,
        {**of_execution, "of_state": CheckpointState.REVISED},
    ).first()
    if run is None or revised is None:
        return None
    checkpoint = to_checkpoint(revised)
    feedback = checkpoint.feedback
    if feedback is None or feedback.means is not RevisionMeans.RUN:
        return None
    revision = _Revision(locked, checkpoint, feedback, to_phase_run(run))
    return revision if revision.run.feedback == feedback.text else None


def _with_words(tx: Transaction, revision: _Revision, text: str, *, event: str) -> Checkpoint:
    """Store other words of a queued revision, which then waits for the person's next message."""
    checkpoint, run = revision.checkpoint, revision.run
    not_before = _start_of(run, now=tx.now)
    queued = {"of_id": run.id, "of_fence": run.fence}
    words = {"feedback": text, "not_before": not_before}
    tx.require(
        sql.execute(tx.connection, statements.CHANGE_QUEUED, words | queued),
        Conflict("a worker was faster"),
    )
    changed = {"of_id": checkpoint.id, "text": text}
    sql.execute(tx.connection, statements.CHANGE_CHECKPOINT, changed)
    tx.dispatch(run.id, not_before=not_before)
    tx.audit(revision.execution.id, event, actor=revision.feedback.actor, checkpoint=checkpoint.id)
    new_messages.refresh_checkpoint(tx, revision.execution, checkpoint.id)
    return replace(checkpoint, feedback=replace(revision.feedback, text=text))


def _start_of(run: PhaseRun, *, now: datetime) -> datetime:
    latest = run.created_at + LONGEST_WAIT
    return max(min(now + MORE_WORDS_WITHIN, latest), run.not_before or now)
