"""What people read and write in modals about a checkpoint.

Nothing is caught here: `refusals` turns the errors of use cases into messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.actions.checkpoints import CheckpointActions, form_view
from bot.slack.inbound.parse import Click, Person, Submission, TypedWords
from bot.slack.people.actors import People
from bot.slack.render.files import Upload
from bot.slack.render.modals import changes, earlier, edit, form, not_taken, read, words
from bot.slack.render.modals.not_taken import Typed
from storage.decisions import Edit, Reopened, UseRevision
from storage.output_hash import output_hash
from storage.policy import may_decide, offered_actions
from storage.reads import Reads
from storage.records import Action, Checkpoint, CheckpointKind, Execution
from storage.state_manager import StateManager
from storage.states import CheckpointState


@dataclass(frozen=True, slots=True)
class FileAskedFor:
    """A file for the thread, the message above it, and what the modal shows meanwhile."""

    file: Upload
    comment: str
    about: ids.FormView
    view: View


class ModalActions:
    """Each method handles one action of one person. Raises the errors of its use case."""

    def __init__(
        self, *, state: StateManager, reads: Reads, people: People, actions: CheckpointActions
    ) -> None:
        self._state = state
        self._reads = reads
        self._people = people
        self._actions = actions

    # --- reading, which everybody may who sees the thread -------------------------------------

    def read(self, click: Click) -> View:
        """The first page of the whole text."""
        about = ids.ShownCheckpoint.decode(click.value)
        checkpoint, execution = self._load(about.checkpoint_id)
        opened = form_view(checkpoint, execution, click, shown=about.shown)
        return read.read(checkpoint, execution, about=opened)

    def more(self, click: Click) -> View:
        """What was chosen in the menu More…"""
        chosen = ids.ChosenMore.decode(click.value)
        checkpoint, execution = self._load(chosen.about.checkpoint_id)
        about = form_view(checkpoint, execution, click, shown=chosen.about.shown)
        match chosen.choice:
            case ids.MoreChoice.EDIT:
                self._state.intend_edit(
                    checkpoint.id,
                    actor=self._people.for_decision(click.by, checkpoint=checkpoint),
                    message=click.card,
                    shown=chosen.about.shown,
                )
                opened = edit.edit(checkpoint, execution, about=about)
                return opened or edit.too_long(checkpoint, execution, about=about)
            case ids.MoreChoice.EARLIER:
                revisions = self._earlier(checkpoint)
                return earlier.earlier(checkpoint, execution, revisions, about=about)
            case ids.MoreChoice.CHANGES:
                return self._changes(checkpoint, execution, about)

    def turn(self, click: Click) -> View:
        """Another page of what the modal shows."""
        about = _about(click)
        about = replace(about, page=ids.parse_number(click.value))
        checkpoint, execution = self._load(about.checkpoint_id)
        if about.revision is not None:
            return self._chosen(checkpoint, execution, about)
        if click.view is not None and click.view.callback_id == ids.CHANGES_VIEW:
            return self._changes(checkpoint, execution, about)
        return read.read(checkpoint, execution, about=about)

    def file_of_changes(self, click: Click) -> FileAskedFor:
        """What changed, to post as a file in the thread where the modal was opened."""
        about = _about(click)
        checkpoint, execution = self._load(about.checkpoint_id)
        before = self._before(checkpoint)
        if before is None:
            raise ids.IdError("there is no revision before this one")
        return FileAskedFor(
            changes.as_file(checkpoint, execution, before),
            changes.asked_for(checkpoint, before, click.by.id),
            about,
            changes.changes(checkpoint, execution, before, about=about, posting=True),
        )

    def choose_revision(self, click: Click) -> View:
        """The text of an earlier revision."""
        revision = ids.parse_number(click.value)
        about = replace(_about(click), revision=revision, page=0)
        return self._chosen(*self._load(about.checkpoint_id), about)

    def list_revisions(self, click: Click) -> View:
        about = replace(_about(click), revision=None, page=0)
        checkpoint, execution = self._load(about.checkpoint_id)
        return earlier.earlier(checkpoint, execution, self._earlier(checkpoint), about=about)

    def read_again(self, click: Click) -> View | None:
        """What a modal shows after a decision was made in it; None if it shows no text."""
        if click.view is None or click.view.callback_id != ids.READ_VIEW:
            return None
        about = _about(click)
        return read.read(*self._load(about.checkpoint_id), about=about)

    # --- writing ------------------------------------------------------------------------------

    def submit_edit(self, sent: Submission) -> Reopened:
        """The edited output was sent."""
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        return self._state.edit(
            Edit(
                checkpoint_id=checkpoint.id,
                texts=edit.texts(checkpoint.output, sent.fields),
                actor=self._people.for_decision(sent.by, checkpoint=checkpoint),
                shown=sent.view.shown,
                delivery=sent.delivery,
            )
        )

    def submit_revision_choice(self, sent: Submission) -> Reopened:
        """An earlier revision was chosen to be decided instead."""
        if sent.view.revision is None:
            raise ids.IdError("private_metadata names no revision")
        checkpoint = self._reads.checkpoint(sent.view.checkpoint_id)
        return self._state.use_revision(
            UseRevision(
                checkpoint_id=checkpoint.id,
                revision=sent.view.revision,
                actor=self._people.for_decision(sent.by, checkpoint=checkpoint),
                shown=sent.view.shown,
                delivery=sent.delivery,
            )
        )

    # --- words that were not accepted -----------------------------------------------------------

    def give_back(
        self, reason: str, sent: Submission | None, kind: str, typed: tuple[TypedWords, ...]
    ) -> View:
        """The words of a form that was not accepted and, if another checkpoint of the run waits for
        such words and the person may decide there, the form in which to send them."""
        another = None if sent is None else self._waiting_elsewhere(sent)
        if sent is not None and another is not None:
            checkpoint, execution = another
            note = not_taken.for_another(reason, checkpoint, execution)
            view = self._form_for(sent, kind, checkpoint, execution, note)
            if view is not None:
                return view
        return not_taken.not_taken(reason, [Typed(each.label, each.text) for each in typed])

    def _waiting_elsewhere(self, sent: Submission) -> tuple[Checkpoint, Execution] | None:
        """The checkpoint at which the run waits now, if its card is there and the person may."""
        refused, execution = self._load(sent.view.checkpoint_id)
        waiting = self._reads.waiting_checkpoint(execution.id)
        if waiting is None or waiting.id == refused.id or waiting.message_ts is None:
            return None
        return (waiting, execution) if self._may_decide(sent.by, waiting, execution) else None

    def _may_decide(self, person: Person, checkpoint: Checkpoint, execution: Execution) -> bool:
        actor = self._people.for_decision(person, checkpoint=checkpoint)
        return may_decide(checkpoint.rule, actor=actor, requester=execution.requester).allowed

    def _form_for(
        self, sent: Submission, kind: str, checkpoint: Checkpoint, execution: Execution, note: str
    ) -> View | None:
        """The same kind of form at another checkpoint, with the words; None if it has none."""
        refused = self._reads.checkpoint(sent.view.checkpoint_id)
        about = replace(
            sent.view,
            checkpoint_id=checkpoint.id,
            shown=output_hash(checkpoint.output),
            outcome=None,
        )
        match kind:
            case ids.REVISION_VIEW if Action.REVISE in _offered(checkpoint, execution):
                build = words.revision
            case ids.ANSWER_VIEW if checkpoint.kind is CheckpointKind.QUESTION:
                build = words.answer
            case ids.OUTCOME_VIEW if checkpoint.outcomes:
                build = words.outcome
            case ids.FORM_VIEW if checkpoint.form == refused.form and not checkpoint.outcomes:
                return form.form(checkpoint, execution, about=about, typed=sent.fields, note=note)
            case ids.EDIT_VIEW if _same_tasks(refused, checkpoint):
                texts = edit.texts(refused.output, sent.fields)
                return edit.edit(checkpoint, execution, about=about, typed=texts, note=note)
            case _:
                return None
        return build(checkpoint, execution, about=about, typed=sent.text, note=note)

    # --- helpers --------------------------------------------------------------------------------

    def _load(self, checkpoint_id: str) -> tuple[Checkpoint, Execution]:
        checkpoint = self._reads.checkpoint(checkpoint_id)
        return checkpoint, self._reads.execution(checkpoint.execution_id)

    def _earlier(self, checkpoint: Checkpoint) -> tuple[Checkpoint, ...]:
        """The revisions before this one, oldest first."""
        revisions = self._reads.revisions(checkpoint.id)
        return tuple(each for each in revisions if each.revision < checkpoint.revision)

    def _changes(self, checkpoint: Checkpoint, execution: Execution, about: ids.FormView) -> View:
        return changes.changes(checkpoint, execution, self._before(checkpoint), about=about)

    def _before(self, checkpoint: Checkpoint) -> Checkpoint | None:
        earlier_ones = self._earlier(checkpoint)
        return earlier_ones[-1] if earlier_ones else None

    def _chosen(self, checkpoint: Checkpoint, execution: Execution, about: ids.FormView) -> View:
        for each in self._earlier(checkpoint):
            if each.revision == about.revision:
                if checkpoint.state is not CheckpointState.PENDING:
                    return read.read(checkpoint, execution, about=replace(about, revision=None))
                return earlier.chosen(checkpoint, execution, each, about=about)
        raise ids.IdError("value is not an earlier revision")


def _about(click: Click) -> ids.FormView:
    if click.view is None or click.view.about is None:
        raise ids.IdError("the click is not in a modal of ours")
    return click.view.about


def _offered(checkpoint: Checkpoint, execution: Execution) -> tuple[Action, ...]:
    return offered_actions(checkpoint, execution.definition)


def _same_tasks(one: Checkpoint, other: Checkpoint) -> bool:
    return list(edit.texts_of(one.output)) == list(edit.texts_of(other.output))
