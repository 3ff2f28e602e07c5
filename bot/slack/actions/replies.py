"""What people write in a thread: decisions, revisions in several messages, and talk."""

from __future__ import annotations

from bot.slack import ids
from bot.slack.inbound.parse import Click, Person
from bot.slack.inbound.thread_messages import EditedReply, ThreadReply
from bot.slack.people.actors import People
from bot.slack.people.words import Words
from bot.slack.render import answers, edited_file
from bot.slack.render.answers import Answer
from storage.characters import is_blank
from storage.decisions import (
    Decided,
    Decision,
    Edit,
    EditedWords,
    Reply,
    RevisionOffered,
    Talk,
    WordsTaken,
    WordsTooLate,
)
from storage.reads import Reads
from storage.records import Action, Actor, ActorKind, Checkpoint, CheckpointKind, Execution
from storage.state_manager import StateManager
from storage.states import CheckpointState


class Replies:
    """Each method handles one action of one person. Raises the errors of its use case."""

    def __init__(self, *, state: StateManager, reads: Reads, people: People) -> None:
        self._state = state
        self._reads = reads
        self._people = people

    def handle_reply(self, reply: ThreadReply) -> Answer | None:
        """Handle a reply in a thread; returns the answer to its author, if there is one."""
        execution = self._reads.execution_in_thread(reply.channel, reply.thread_ts)
        if execution is None:
            return self._reply_in_direct_message(reply)
        waiting = self._reads.waiting_checkpoint(execution.id)
        if waiting is None:
            return self._reply_while_nothing_waits(reply, execution)
        if not _written_after(reply, waiting) and self._already_decided_by(reply, execution):
            return None
        return self._reply_to_checkpoint(reply, waiting)

    def handle_edit(self, edited: EditedReply) -> Answer | None:
        """Handle a reply whose words have changed, which may belong to a revision."""
        execution = self._reads.execution_in_thread(edited.channel, edited.thread_ts)
        revised = None if execution is None else self._reads.open_revision(execution.id)
        if revised is None or not _is_by(revised, edited.by):
            return None
        outcome = self._state.edit_words(
            EditedWords(
                channel=edited.channel,
                thread_ts=edited.thread_ts,
                ts=edited.ts,
                before=self._people.words_alone(edited.before),
                after=self._people.words_alone(edited.after),
                actor_id=edited.by.id,
                delivery=f"edit:{edited.channel}:{edited.ts}:{edited.event_ts}",
            )
        )
        if isinstance(outcome, WordsTooLate):
            return Answer(answers.edit_too_late(outcome.checkpoint))
        return None

    def accept_reply(self, click: Click) -> str:
        """Use an earlier reply as the revision or answer, with the text that it has now."""
        offered = ids.OfferedReply.decode(click.value)
        words = self._people.find_reply(
            click.by, channel=click.channel, thread_ts=offered.thread_ts, ts=offered.ts
        )
        if words is None:
            return answers.REPLY_GONE
        checkpoint = self._reads.checkpoint(offered.checkpoint_id)
        added = self._add_to_own_revision(click, offered, checkpoint, words)
        if added is not None:
            return added
        is_question = checkpoint.kind is CheckpointKind.QUESTION
        self._decide(
            checkpoint,
            Action.CONTINUE if is_question else Action.REVISE,
            by=click.by,
            text=words.with_files,
            delivery=_delivery(click.channel, offered.ts),
        )
        return answers.with_unread(answers.reply_used(checkpoint), words.attached.unread)

    def _add_to_own_revision(
        self, click: Click, offered: ids.OfferedReply, checkpoint: Checkpoint, words: Words
    ) -> str | None:
        """Several messages at once: another one of this person has revised already."""
        if checkpoint.state is not CheckpointState.REVISED or not _is_by(checkpoint, click.by):
            return None
        outcome = self._state.add_words(
            Reply(
                channel=click.channel,
                thread_ts=offered.thread_ts,
                ts=offered.ts,
                text=words.with_files,
                actor=Actor(ActorKind.SLACK, click.by.id, click.by.name),
                mentions_bot=True,
            )
        )
        match outcome:
            case WordsTaken():
                return answers.with_unread(answers.WORDS_ADDED, words.attached.unread)
            case WordsTooLate(checkpoint=revised):
                return answers.words_too_late(revised)
            case Talk():
                return None

    def continue_by_reply(self, click: Click) -> str:
        """Continue, because an earlier reply said yes."""
        offered = ids.OfferedReply.decode(click.value)
        self._decide(
            self._reads.checkpoint(offered.checkpoint_id),
            Action.CONTINUE,
            by=click.by,
            delivery=_delivery(click.channel, offered.ts),
        )
        return answers.CONTINUED

    def choose_outcome_by_reply(self, click: Click) -> str:
        """Choose an outcome that was offered beside an earlier reply."""
        offered = ids.OfferedReply.decode(click.value)
        checkpoint = self._reads.checkpoint(offered.checkpoint_id)
        outcome = ids.outcome_of_reply(click.action_id, checkpoint.outcomes)
        self._decide(
            checkpoint,
            Action.CONTINUE,
            by=click.by,
            delivery=_delivery(click.channel, offered.ts),
            outcome=outcome,
        )
        return answers.outcome_chosen(outcome)

    def _decide(
        self,
        checkpoint: Checkpoint,
        action: Action,
        *,
        by: Person,
        delivery: str,
        text: str = "",
        outcome: str | None = None,
    ) -> Decided:
        return self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=action,
                actor=self._people.for_decision(by, checkpoint=checkpoint),
                text=text,
                delivery=delivery,
                outcome=outcome,
                may_go_on=True,
            )
        )

    def _reply_to_checkpoint(self, reply: ThreadReply, waiting: Checkpoint) -> Answer | None:
        if reply.mentions_bot and waiting.kind is CheckpointKind.BUDGET:
            return Answer(answers.ONLY_BUTTONS)
        if reply.mentions_bot and waiting.kind is CheckpointKind.QUESTION:
            return self._answer_by_reply(reply, waiting)
        words = self._people.words(reply.written)
        if words.attached.read and self._reads.is_editing(waiting.id, reply.by.id):
            return self._edit_by_file(reply, waiting, words)
        if reply.mentions_bot and is_blank(words.with_files) and words.attached.unread:
            return Answer(answers.say_it_in_words(words.attached.unread))
        actor = self._people.for_decision(reply.by, checkpoint=waiting)
        return self._answer(reply, words, self._state.reply(_record(reply, words, actor)))

    def _edit_by_file(self, reply: ThreadReply, waiting: Checkpoint, words: Words) -> Answer:
        """A text file of somebody who began to edit the output is its new text."""
        file = words.attached.read[0]
        texts = edited_file.texts(waiting.output, file.text)
        if texts is None:
            return Answer(answers.edit_has_no_headings(waiting))
        self._state.edit(
            Edit(
                checkpoint_id=waiting.id,
                texts=texts,
                actor=self._people.for_decision(reply.by, checkpoint=waiting),
                delivery=_delivery(reply.channel, reply.ts),
            )
        )
        return Answer(answers.edited_by_file(file.name))

    def _answer_by_reply(self, reply: ThreadReply, question: Checkpoint) -> Answer | None:
        """A reply written before the question was shown does not answer it."""
        if not _written_after(reply, question):
            return Answer(answers.NOTHING_WAITS)
        words = self._people.words(reply.written)
        if is_blank(words.with_files) and words.attached.unread:
            return Answer(answers.say_it_in_words(words.attached.unread))
        delivery = _delivery(reply.channel, reply.ts)
        text = words.with_files
        self._decide(question, Action.CONTINUE, by=reply.by, text=text, delivery=delivery)
        return _unread(words)

    def _reply_while_nothing_waits(self, reply: ThreadReply, execution: Execution) -> Answer | None:
        revised = self._reads.open_revision(execution.id)
        if revised is not None and _is_by(revised, reply.by):
            words = self._people.words(reply.written)
            if reply.mentions_bot and is_blank(words.with_files) and words.attached.unread:
                return Answer(answers.say_it_in_words(words.attached.unread))
            actor = self._people.for_start(reply.by, channel=reply.channel)
            outcome = self._state.reply(_record(reply, words, actor))
            if not isinstance(outcome, Talk) or outcome.repeated:
                return self._answer(reply, words, outcome)
        if not reply.mentions_bot or self._already_decided_by(reply, execution):
            return None
        return Answer(answers.NOTHING_WAITS)

    def _already_decided_by(self, reply: ThreadReply, execution: Execution) -> bool:
        """Whether this reply has already decided a checkpoint: Slack may deliver it twice."""
        return self._reads.was_decided_by(execution.id, _delivery(reply.channel, reply.ts))

    def _reply_in_direct_message(self, reply: ThreadReply) -> Answer | None:
        """A checkpoint that could not be posted in its channel waits in a direct message."""
        if not reply.channel.startswith("D"):
            return None
        words = self._people.words(reply.written)
        actor = self._people.for_start(reply.by, channel=reply.channel)
        return self._answer(reply, words, self._state.reply(_record(reply, words, actor)))

    def _answer(
        self,
        reply: ThreadReply,
        words: Words,
        outcome: Decided | RevisionOffered | WordsTaken | WordsTooLate | Talk,
    ) -> Answer | None:
        match outcome:
            case RevisionOffered(checkpoint=checkpoint):
                if checkpoint.kind is CheckpointKind.BUDGET:
                    return None
                offered = ids.OfferedReply(checkpoint.id, reply.thread_ts, reply.ts)
                return answers.offer_reply(outcome, offered, unread=words.attached.unread)
            case WordsTooLate(checkpoint=checkpoint):
                return Answer(answers.words_too_late(checkpoint))
            case Decided() | WordsTaken():
                return _unread(words)
            case Talk():
                return None


def _unread(words: Words) -> Answer | None:
    """The answer to words that were used, if some of their files were not."""
    unread = words.attached.unread
    return Answer(answers.with_unread(answers.WORDS_COUNT, unread)) if unread else None


def _is_by(revised: Checkpoint, person: Person) -> bool:
    return revised.feedback is not None and revised.feedback.actor.id == person.id


def _delivery(channel: str, ts: str) -> str:
    """The key under which a reply is recorded, so that it counts once."""
    return f"message:{channel}:{ts}"


def _written_after(reply: ThreadReply, checkpoint: Checkpoint) -> bool:
    """Whether a reply is newer, by Slack's clock, than the message that shows the checkpoint."""
    if checkpoint.message_ts is None:
        return False
    return _parse_ts(reply.ts) > _parse_ts(checkpoint.message_ts)


def _parse_ts(ts: str) -> tuple[int, int]:
    seconds, _, fraction = ts.partition(".")
    if not (seconds.isdigit() and fraction.isdigit()):
        raise ids.IdError("ts is not a Slack timestamp")
    return int(seconds), int(fraction)


def _record(reply: ThreadReply, words: Words, actor: Actor) -> Reply:
    return Reply(
        channel=reply.channel,
        thread_ts=reply.thread_ts,
        ts=reply.ts,
        text=words.with_files,
        actor=actor,
        mentions_bot=reply.mentions_bot,
    )
