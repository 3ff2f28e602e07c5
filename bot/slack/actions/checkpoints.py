"""What people do at a checkpoint: look up the actor, then call the use case.

Nothing is caught here: `refusals` turns the errors of use cases into messages.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.forms import FieldErrors
from bot.slack.inbound.parse import Click, FormClosed, Person, Submission
from bot.slack.people.actors import People
from bot.slack.render import answers
from bot.slack.render.answers import Answer
from bot.slack.render.modals import form, words
from storage.decisions import Decided, Decision
from storage.definitions import Json
from storage.errors import AlreadyDecided, BadForm, NotAllowed, OutdatedMessage
from storage.output_hash import output_hash
from storage.policy import may_decide
from storage.reads import Reads
from storage.records import (
    Action,
    Actor,
    ActorKind,
    Checkpoint,
    Execution,
    MessageRef,
)
from storage.state_manager import StateManager
from storage.states import CheckpointState

NO_VALUES: Final[Mapping[str, Json]] = MappingProxyType({})


class CheckpointActions:
    """Each method handles one action of one person. Raises the errors of its use case."""

    def __init__(self, *, state: StateManager, reads: Reads, people: People) -> None:
        self._state = state
        self._reads = reads
        self._people = people

    def decide(self, click: Click) -> Decided | View:
        """Continue, Skip or Stop, clicked where the checkpoint is shown.

        Continue returns the checkpoint's form, if it has one.
        """
        about = ids.ShownCheckpoint.decode(click.value)
        return self._decide_by_click(about, click, ids.DECISIONS[click.action_id])

    def choose_outcome(self, click: Click) -> Decided | View:
        """One of a gate's outcomes, chosen by its button or in the menu; or the form first."""
        chosen = ids.ChosenOutcome.of_click(action_id=click.action_id, value=click.value)
        return self._decide_by_click(chosen.about, click, Action.CONTINUE, chosen)

    def _decide_by_click(
        self,
        about: ids.ShownCheckpoint,
        click: Click,
        action: Action,
        chosen: ids.ChosenOutcome | None = None,
    ) -> Decided | View:
        checkpoint = self._reads.checkpoint(about.checkpoint_id)
        if _decided_by_another(checkpoint, click.by):
            # A decision is final, so no transaction is needed to say so.
            raise AlreadyDecided(checkpoint)
        if action is Action.CONTINUE and checkpoint.form:
            execution = self.admit(checkpoint, click, shown=about.shown)
            opened = form_view(checkpoint, execution, click, shown=about.shown)
            return form.form(
                checkpoint,
                execution,
                about=replace(opened, outcome=None if chosen is None else chosen.number),
            )
        return self._decide(
            checkpoint,
            action,
            by=click.by,
            message=click.card,
            delivery=click.trigger_id or None,
            chosen=chosen,
            shown=about.shown,
        )

    def admit(self, checkpoint: Checkpoint, click: Click, *, shown: str | None) -> Execution:
        """Raises the errors that a decision by this click would raise."""
        execution = self._reads.execution(checkpoint.execution_id)
        if checkpoint.state is not CheckpointState.PENDING:
            raise AlreadyDecided(checkpoint)
        if click.card is not None and checkpoint.message_ts != click.message_ts:
            raise OutdatedMessage(checkpoint)
        if shown is not None and shown != output_hash(checkpoint.output):
            raise OutdatedMessage(checkpoint)
        actor = self._people.for_decision(click.by, checkpoint=checkpoint)
        verdict = may_decide(checkpoint.rule, actor=actor, requester=execution.requester)
        if verdict.refusal is not None:
            raise NotAllowed(verdict.refusal, execution, checkpoint.rule)
        return execution

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
        shown: str | None = None,
        values: Mapping[str, Json] = NO_VALUES,
    ) -> Decided:
        return self._state.decide(
            Decision(
                checkpoint_id=checkpoint.id,
                action=action,
                actor=self._people.for_decision(by, checkpoint=checkpoint),
                text=text,
                tasks=tasks,
                message=message,
                delivery=delivery,
                outcome=None if chosen is None else _outcome(checkpoint, chosen),
                shown=shown,
                values=values,
            )
        )

    def open_text_form(self, click: Click) -> tuple[Checkpoint, View]:
        """The form for an answer, or for an outcome with words.

        Raises the errors that the decision itself would raise.
        """
        about = ids.ShownCheckpoint.decode(click.value)
        checkpoint = self._reads.checkpoint(about.checkpoint_id)
        execution = self.admit(checkpoint, click, shown=about.shown)
        opened = form_view(checkpoint, execution, click, shown=about.shown)
        build = words.outcome if checkpoint.outcomes else words.answer
        return checkpoint, build(checkpoint, execution, about=opened)

    def submit_text(self, sent: Submission) -> Decided:
        """The form with an answer, or with an outcome and words, was submitted."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        return self._decide(
            checkpoint,
            Action.CONTINUE,
            by=sent.by,
            text=sent.text,
            delivery=sent.delivery,
            chosen=sent.outcome,
            shown=sent.view.shown,
        )

    def submit_form(self, sent: Submission) -> Decided | FieldErrors:
        """The checkpoint's form was submitted; returns what is wrong with its fields."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        number = sent.view.outcome
        try:
            return self._decide(
                checkpoint,
                Action.CONTINUE,
                by=sent.by,
                delivery=sent.delivery,
                chosen=None if number is None else ids.ChosenOutcome(checkpoint.id, number),
                shown=sent.view.shown,
                values=form.values(checkpoint.form, sent.fields),
            )
        except BadForm as error:
            return FieldErrors(form.field_errors(checkpoint.form, error.errors))

    def start_revision(self, click: Click) -> tuple[Checkpoint, View]:
        """Record the intent to revise; returns the form that asks what to change."""
        about = ids.ShownCheckpoint.decode(click.value)
        checkpoint = self._reads.checkpoint(about.checkpoint_id)
        execution = self._reads.execution(checkpoint.execution_id)
        if about.shown is not None and about.shown != output_hash(checkpoint.output):
            raise OutdatedMessage(checkpoint)
        checkpoint = self._state.intend_revise(
            checkpoint.id,
            actor=self._people.for_decision(click.by, checkpoint=checkpoint),
            message=click.card,
        )
        opened = form_view(checkpoint, execution, click, shown=about.shown)
        return checkpoint, words.revision(checkpoint, execution, about=opened)

    def submit_revision(self, sent: Submission) -> Decided:
        """The revision form was submitted."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        return self._decide(
            checkpoint,
            Action.REVISE,
            by=sent.by,
            text=sent.text,
            tasks=sent.tasks,
            delivery=sent.delivery,
            shown=sent.view.shown,
        )

    def close_revision_form(self, closed: FormClosed) -> Answer | None:
        """The form was closed, so the next reply is the revision. None if nothing waits now."""
        checkpoint = self._reads.checkpoint(closed.view.checkpoint_id)
        if checkpoint.state is not CheckpointState.PENDING:
            return None
        return answers.reply_is_revision(checkpoint)

    def drop_revision(self, click: Click) -> str:
        """Drop the intent to revise."""
        actor = Actor(ActorKind.SLACK, click.by.id, click.by.name)
        return answers.revision_dropped(self._state.drop_intent(click.value, actor=actor))

    def cancel(self, execution_id: str, by: Person) -> Execution:
        """`execution_id` may be a prefix of an id."""
        execution = self._reads.execution(execution_id)
        actor = self._people.for_execution(by, execution=execution)
        return self._state.cancel(execution.id, actor=actor)

    def retry(self, execution_id: str, by: Person) -> Execution:
        """`execution_id` may be a prefix of an id."""
        execution = self._reads.execution(execution_id)
        actor = self._people.for_execution(by, execution=execution)
        return self._state.retry(execution.id, actor=actor)


def _decided_by_another(checkpoint: Checkpoint, person: Person) -> bool:
    feedback = checkpoint.feedback
    return feedback is not None and feedback.actor.id != person.id


def form_view(
    checkpoint: Checkpoint, execution: Execution, click: Click, *, shown: str | None
) -> ids.FormView:
    """What a modal carries that this click opens.

    One that was opened from a list belongs to the run's own thread.
    """
    if click.view is not None and click.view.about is not None:
        channel, thread_ts = click.view.about.channel, click.view.about.thread_ts
    elif click.listed and execution.channel is not None:
        channel, thread_ts = execution.channel, execution.thread_ts
    else:
        channel, thread_ts = click.channel, click.thread_ts or click.message_ts
    return ids.FormView(checkpoint.id, channel, thread_ts, shown)


def _outcome(checkpoint: Checkpoint, chosen: ids.ChosenOutcome) -> str:
    if chosen.checkpoint_id != checkpoint.id or chosen.number >= len(checkpoint.outcomes):
        raise ids.IdError("value is not an outcome of this checkpoint")
    return checkpoint.outcomes[chosen.number]
