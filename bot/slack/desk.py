"""What people do at a checkpoint and in its thread: the facts of the person, then the use case.

Nothing is caught here: what a use case refuses becomes words in `refusals`.
"""

from __future__ import annotations

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actors import People
from bot.slack.parse import Click, Closed, Person, Said, Submission
from bot.slack.render import answers, modal
from bot.slack.render.answers import Answer
from storage.errors import AlreadyDecided
from storage.reads import Reads
from storage.records import (
    Action,
    Actor,
    ActorKind,
    Checkpoint,
    Decided,
    Decision,
    Execution,
    MessageRef,
    Reply,
    RevisionOffered,
    Talk,
)
from storage.state_manager import StateManager
from storage.states import CheckpointState


class Desk:
    """Each method is one act of one person. Errors are those of the use case."""

    def __init__(self, *, state: StateManager, reads: Reads, people: People) -> None:
        self._state = state
        self._reads = reads
        self._people = people

    def decide(self, click: Click) -> Decided:
        """Continue, Skip or Stop: the button of a message that shows the checkpoint."""
        checkpoint = self._reads.checkpoint(click.value)
        if _decided_by_another(checkpoint, click.by):
            # What is decided stays so: this needs no transaction to be said.
            raise AlreadyDecided(checkpoint)
        return self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=ids.DECISIONS[click.action_id],
                actor=self._people.deciding(click.by, checkpoint=checkpoint),
                message=MessageRef(click.channel, click.message_ts),
                delivery=click.trigger_id or None,
            )
        )

    def intend_revision(self, click: Click) -> tuple[Checkpoint, View]:
        """Revise: the intent is noted, and the form asks for the words."""
        checkpoint = self._reads.checkpoint(click.value)
        checkpoint = self._state.intend_revise(
            checkpoint.id,
            actor=self._people.deciding(click.by, checkpoint=checkpoint),
            message=MessageRef(click.channel, click.message_ts),
        )
        about = ids.RevisionView(
            checkpoint_id=checkpoint.id,
            channel=click.channel,
            thread_ts=click.thread_ts or click.message_ts,
        )
        execution = self._reads.execution(checkpoint.execution_id)
        return checkpoint, modal.revision(checkpoint, execution, about=about)

    def revise(self, sent: Submission) -> Decided:
        """The form was sent."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        everything = {task.task for task in checkpoint.output.tasks}
        return self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=Action.REVISE,
                actor=self._people.deciding(sent.by, checkpoint=checkpoint),
                text=sent.text,
                tasks=() if set(sent.tasks) == everything else sent.tasks,
                delivery=sent.delivery,
            )
        )

    def close_form(self, closed: Closed) -> Answer | None:
        """The form was closed: the next reply is the revision. None if nothing waits any more."""
        checkpoint = self._reads.checkpoint(closed.view.checkpoint_id)
        if checkpoint.state is not CheckpointState.PENDING:
            return None
        return answers.reply_is_revision(checkpoint)

    def never_mind(self, click: Click) -> str:
        """Forget the intent to revise."""
        actor = Actor(ActorKind.SLACK, click.by.id, click.by.name)
        return answers.never_mind(self._state.drop_intent(click.value, actor=actor))

    def hear(self, said: Said) -> Answer | None:
        """Somebody wrote in a thread. What to tell them, if anything."""
        execution = self._reads.execution_in_thread(said.channel, said.thread_ts)
        if execution is None:
            return self._hear_elsewhere(said)
        waiting = self._reads.waiting_checkpoint(execution.id)
        if waiting is None:
            if not said.mentions_bot or self._was_taken(said, execution):
                return None
            return Answer(answers.NOTHING_WAITS)
        actor = self._people.deciding(said.by, checkpoint=waiting)
        return self._answer(said, self._state.reply(_reply(said, actor)))

    def _was_taken(self, said: Said, execution: Execution) -> bool:
        """Whether these very words are a revision already: Slack may deliver a reply twice."""
        return any(
            checkpoint.feedback is not None
            and checkpoint.feedback.actor.id == said.by.id
            and checkpoint.feedback.text == said.text.strip()
            for checkpoint in self._reads.checkpoints(execution.id)
        )

    def _hear_elsewhere(self, said: Said) -> Answer | None:
        """A checkpoint that could not be shown in its channel waits in a direct message."""
        if not said.channel.startswith("D"):
            return None
        actor = self._people.starting(said.by, channel=said.channel)
        return self._answer(said, self._state.reply(_reply(said, actor)))

    def _answer(self, said: Said, outcome: Decided | RevisionOffered | Talk) -> Answer | None:
        if not isinstance(outcome, RevisionOffered):
            return None
        reply = ids.OfferedReply(outcome.checkpoint.id, said.thread_ts, said.ts)
        return answers.offer(outcome.checkpoint, outcome.text, reply)

    def use_reply(self, click: Click) -> str:
        """Take an earlier reply as the revision, in the words that stand there now."""
        offered = ids.OfferedReply.decode(click.value)
        words = self._people.reply_of(
            click.by, channel=click.channel, thread_ts=offered.thread_ts, ts=offered.ts
        )
        if words is None:
            return answers.REPLY_GONE
        checkpoint = self._reads.checkpoint(offered.checkpoint_id)
        self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=Action.REVISE,
                actor=self._people.deciding(click.by, checkpoint=checkpoint),
                text=words,
                delivery=f"message:{click.channel}:{offered.ts}",
            )
        )
        return answers.USED

    def cancel(self, execution_id: str, by: Person) -> Execution:
        """`execution_id` may be the beginning of one."""
        execution = self._reads.execution(execution_id)
        actor = self._people.managing(by, execution=execution)
        return self._state.cancel(execution.id, actor=actor)

    def retry(self, execution_id: str, by: Person) -> Execution:
        """`execution_id` may be the beginning of one."""
        execution = self._reads.execution(execution_id)
        actor = self._people.managing(by, execution=execution)
        return self._state.retry(execution.id, actor=actor)


def _decided_by_another(checkpoint: Checkpoint, person: Person) -> bool:
    feedback = checkpoint.feedback
    return feedback is not None and feedback.actor.id != person.id


def _reply(said: Said, actor: Actor) -> Reply:
    return Reply(
        channel=said.channel,
        thread_ts=said.thread_ts,
        ts=said.ts,
        text=said.text,
        actor=actor,
        mentions_bot=said.mentions_bot,
    )
