"""What the shortcuts in a message's menu do in a run's thread."""

from __future__ import annotations

from bot.slack.inbound.place_payloads import Shortcut
from bot.slack.people.actors import People
from bot.slack.render import answers
from storage.characters import is_blank
from storage.decisions import Decision
from storage.reads import Reads
from storage.records import Action, CheckpointKind
from storage.state_manager import StateManager


class MessageShortcuts:
    """Raises what `StateManager.decide` raises."""

    def __init__(self, *, state: StateManager, reads: Reads, people: People) -> None:
        self._state = state
        self._reads = reads
        self._people = people

    def use_as_revision(self, used: Shortcut) -> str:
        """The message's words revise what waits in its thread, as a reply of this person would.

        Of a question, they are the answer.
        """
        bot = self._people.bot()
        if bot is not None and used.author == bot.user:
            return answers.OWN_MESSAGE
        thread = used.thread_ts or used.ts
        execution = self._reads.execution_in_thread(used.place.channel, thread)
        if execution is None:
            return answers.NO_RUN_IN_THREAD
        waiting = self._reads.waiting_checkpoint(execution.id)
        if waiting is None:
            return answers.NOTHING_WAITS
        if waiting.kind is CheckpointKind.BUDGET:
            return answers.ONLY_BUTTONS
        words = self._people.words(used.written)
        if is_blank(words.with_files):
            return answers.with_unread(answers.MESSAGE_WITHOUT_TEXT, words.attached.unread)
        is_question = waiting.kind is CheckpointKind.QUESTION
        self._state.decide(
            Decision(
                checkpoint_id=waiting.id,
                action=Action.CONTINUE if is_question else Action.REVISE,
                actor=self._people.for_decision(used.by, checkpoint=waiting),
                text=words.with_files,
                delivery=f"message:{used.place.channel}:{used.ts}",
            )
        )
        return answers.with_unread(answers.reply_used(waiting), words.attached.unread)
