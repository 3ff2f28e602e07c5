"""What people do at a checkpoint and in its thread: the facts of the person, then the use case.

Nothing is caught here: what a use case refuses becomes words in `refusals`.
"""

from __future__ import annotations

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.inbound.parse import Click, Closed, Person, Said, Submission
from bot.slack.people.actors import People
from bot.slack.render import answers, modal
from bot.slack.render.answers import Answer
from storage.errors import (
    AlreadyDecided,
    NotAllowed,
    OutdatedMessage,
)
from storage.policy import may_decide
from storage.reads import Reads
from storage.records import (
    Action,
    Actor,
    ActorKind,
    Checkpoint,
    CheckpointKind,
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


class CheckpointActions:
    """Each method is one act of one person. Errors are those of the use case."""

    def __init__(self, *, state: StateManager, reads: Reads, people: People) -> None:
        self._state = state
        self._reads = reads
        self._people = people

    def decide(self, click: Click) -> Decided:
        """Continue, Skip or Stop: the button of a message that shows the checkpoint."""
        checkpoint = self._reads.checkpoint(click.value)
        return self._decide_by_click(checkpoint, click, ids.DECISIONS[click.action_id])

    def choose(self, click: Click) -> Decided:
        """One of a gate's outcomes, by its button or in the menu."""
        chosen = ids.ChosenOutcome.of_click(action_id=click.action_id, value=click.value)
        checkpoint = self._reads.checkpoint(chosen.checkpoint_id)
        return self._decide_by_click(checkpoint, click, Action.CONTINUE, chosen)

    def _decide_by_click(
        self,
        checkpoint: Checkpoint,
        click: Click,
        action: Action,
        chosen: ids.ChosenOutcome | None = None,
    ) -> Decided:
        if _decided_by_another(checkpoint, click.by):
            # What is decided stays so: this needs no transaction to be said.
            raise AlreadyDecided(checkpoint)
        return self._decide(
            checkpoint,
            action,
            by=click.by,
            message=MessageRef(click.channel, click.message_ts),
            delivery=click.trigger_id or None,
            chosen=chosen,
        )

    def _decide(
        self,
        checkpoint: Checkpoint,
        action: Action,
        *,
        by: Person,
        delivery: str | None,
        text: str = "",
        tasks: tuple[str, ...] = (),
        message: MessageRef | None = None,
        chosen: ids.ChosenOutcome | None = None,
    ) -> Decided:
        return self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=action,
                actor=self._people.deciding(by, checkpoint=checkpoint),
                text=text,
                tasks=tasks,
                message=message,
                delivery=delivery,
                outcome=None if chosen is None else _outcome(checkpoint, chosen),
            )
        )

    def ask_for_words(self, click: Click) -> tuple[Checkpoint, View]:
        """The form for an answer, or for an outcome with words; refused to whom a decision is."""
        checkpoint = self._reads.checkpoint(click.value)
        execution = self._reads.execution(checkpoint.execution_id)
        if checkpoint.state is not CheckpointState.PENDING:
            raise AlreadyDecided(checkpoint)
        if checkpoint.message_ts != click.message_ts:
            raise OutdatedMessage(checkpoint)
        actor = self._people.deciding(click.by, checkpoint=checkpoint)
        verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
        if verdict.refusal is not None:
            raise NotAllowed(verdict.refusal, execution, checkpoint.rule)
        form = modal.outcome if checkpoint.outcomes else modal.answer
        return checkpoint, form(checkpoint, execution, about=_about(checkpoint, click))

    def answer(self, sent: Submission) -> Decided:
        """The form with the answer to a question, or with an outcome and words, was sent."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        return self._decide(
            checkpoint,
            Action.CONTINUE,
            by=sent.by,
            text=sent.text,
            delivery=sent.delivery,
            chosen=sent.outcome,
        )

    def intend_revision(self, click: Click) -> tuple[Checkpoint, View]:
        """Revise: the intent is noted, and the form asks for the words."""
        checkpoint = self._reads.checkpoint(click.value)
        execution = self._reads.execution(checkpoint.execution_id)
        checkpoint = self._state.intend_revise(
            checkpoint.id,
            actor=self._people.deciding(click.by, checkpoint=checkpoint),
            message=MessageRef(click.channel, click.message_ts),
        )
        about = _about(checkpoint, click)
        return checkpoint, modal.revision(checkpoint, execution, about=about)

    def revise(self, sent: Submission) -> Decided:
        """The form was sent."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        everything = {task.task for task in checkpoint.output.tasks}
        return self._decide(
            checkpoint,
            Action.REVISE,
            by=sent.by,
            text=sent.text,
            tasks=() if set(sent.tasks) == everything else sent.tasks,
            delivery=sent.delivery,
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
        if not _written_after(said, waiting) and self._was_taken(said, execution):
            return None
        return self._hear_about(waiting, said)

    def _hear_about(self, waiting: Checkpoint, said: Said) -> Answer | None:
        if said.mentions_bot and waiting.kind is CheckpointKind.BUDGET:
            return Answer(answers.ONLY_BUTTONS)
        if said.mentions_bot and waiting.kind is CheckpointKind.QUESTION:
            return self._answer_by_reply(said, waiting)
        actor = self._people.deciding(said.by, checkpoint=waiting)
        return self._answer(said, self._state.reply(_reply(said, actor)))

    def _answer_by_reply(self, said: Said, asked: Checkpoint) -> Answer | None:
        """What was written before a question stood there is no answer to it."""
        if not _written_after(said, asked):
            return Answer(answers.NOTHING_WAITS)
        delivery = _delivery(said.channel, said.ts)
        self._decide(asked, Action.CONTINUE, by=said.by, text=said.text, delivery=delivery)
        return None

    def _was_taken(self, said: Said, execution: Execution) -> bool:
        """Whether this reply made a decision already: Slack may deliver it twice."""
        return self._reads.was_decided_by(execution.id, _delivery(said.channel, said.ts))

    def _hear_elsewhere(self, said: Said) -> Answer | None:
        """A checkpoint that could not be shown in its channel waits in a direct message."""
        if not said.channel.startswith("D"):
            return None
        actor = self._people.starting(said.by, channel=said.channel)
        return self._answer(said, self._state.reply(_reply(said, actor)))

    def _answer(self, said: Said, outcome: Decided | RevisionOffered | Talk) -> Answer | None:
        if not isinstance(outcome, RevisionOffered):
            return None
        if outcome.checkpoint.kind is CheckpointKind.BUDGET:
            return None
        reply = ids.OfferedReply(outcome.checkpoint.id, said.thread_ts, said.ts)
        return answers.offer(outcome.checkpoint, outcome.text, reply)

    def use_reply(self, click: Click) -> str:
        """Take an earlier reply as the revision or answer, in the words that stand there now."""
        offered = ids.OfferedReply.decode(click.value)
        words = self._people.reply_of(
            click.by, channel=click.channel, thread_ts=offered.thread_ts, ts=offered.ts
        )
        if words is None:
            return answers.REPLY_GONE
        checkpoint = self._reads.checkpoint(offered.checkpoint_id)
        asked = checkpoint.kind is CheckpointKind.QUESTION
        self._decide(
            checkpoint,
            Action.CONTINUE if asked else Action.REVISE,
            by=click.by,
            text=words,
            delivery=_delivery(click.channel, offered.ts),
        )
        return answers.used(checkpoint)

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


def _about(checkpoint: Checkpoint, click: Click) -> ids.FormView:
    return ids.FormView(
        checkpoint_id=checkpoint.id,
        channel=click.channel,
        thread_ts=click.thread_ts or click.message_ts,
    )


def _outcome(checkpoint: Checkpoint, chosen: ids.ChosenOutcome) -> str:
    if chosen.checkpoint_id != checkpoint.id or chosen.number >= len(checkpoint.outcomes):
        raise ids.IdError("value is not an outcome of this checkpoint")
    return checkpoint.outcomes[chosen.number]


def _delivery(channel: str, ts: str) -> str:
    """The key of a reply, whichever way it is taken."""
    return f"message:{channel}:{ts}"


def _written_after(said: Said, checkpoint: Checkpoint) -> bool:
    """Whether a reply is younger than the message that shows the checkpoint: by Slack's clock."""
    if checkpoint.message_ts is None:
        return False
    return _moment(said.ts) > _moment(checkpoint.message_ts)


def _moment(ts: str) -> tuple[int, int]:
    seconds, _, fraction = ts.partition(".")
    if not (seconds.isdigit() and fraction.isdigit()):
        raise ids.IdError("ts is not a time of Slack's")
    return int(seconds), int(fraction)


def _reply(said: Said, actor: Actor) -> Reply:
    return Reply(
        channel=said.channel,
        thread_ts=said.thread_ts,
        ts=said.ts,
        text=said.text,
        actor=actor,
        mentions_bot=said.mentions_bot,
    )
