"""The modals that take a person's words: a revision, an answer, an outcome with words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    CheckboxesElement,
    InputBlock,
    InputInteractiveElement,
    Option,
    PlainTextInputElement,
    PlainTextObject,
    StaticMultiSelectElement,
)
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import text
from bot.slack.render.buttons import outcome_menu
from bot.slack.render.modals.frame import FIELD_LIMIT, lead, modal, notes
from storage.records import Checkpoint, CheckpointKind, Execution

MAX_CHECKBOXES = 10
MAX_OPTIONS = 100
VALUE_LIMIT = 75


@dataclass(frozen=True, slots=True)
class _Wording:
    """The texts of a form: its title, its text field, and its button."""

    title: str
    label: str
    hint: str
    example: str
    submit: str


_REVISION: Final = _Wording(
    title="Ask for a revision",
    label="What should change?",
    hint="Write it as you would to a colleague. The phase runs again with your words, "
    "and its new output comes back here for a decision.",
    example="For example: shorter, and more for beginners",
    submit="Revise",
)
_WORDINGS: Final = {
    CheckpointKind.GATE: _Wording(
        title="Ask for a revision",
        label="What should change?",
        hint="The flow goes on with your words as its feedback, and decides what to do with them.",
        example="For example: shorter, and more for beginners",
        submit="Revise",
    ),
    CheckpointKind.TOOL: _Wording(
        title="Refuse the call",
        label="Why not, or what instead?",
        hint="The tool is not called. The agent reads your words and goes on.",
        example="For example: search in our own pages only",
        submit="Refuse",
    ),
}
_WORDINGS[CheckpointKind.TASK] = replace(
    _REVISION,
    hint="The agent gets your words in the same conversation, and its new answer comes back here "
    "for a decision.",
)
_ANSWER: Final = _Wording(
    title="Answer",
    label="Your answer",
    hint="The crew gets exactly these words and goes on.",
    example="Write the answer",
    submit="Answer",
)
_OUTCOME: Final = _Wording(
    title="Choose with words",
    label="Your words",
    hint="The flow goes on with the outcome that you choose, and your words as its feedback.",
    example="For example: fine, but name the prices",
    submit="Choose",
)


def revision(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    about: ids.FormView,
    typed: str = "",
    note: str = "",
) -> View:
    """Asks what should change and, if the phase has several outputs, in which of them.

    `typed` are words that the person has typed already. `note` is mrkdwn that stands first.
    """
    wording = _WORDINGS.get(checkpoint.kind, _REVISION)
    if checkpoint.at_method is not None:
        wording = _REVISION
    blocks = [*notes(note), lead(checkpoint, execution), _text_input(wording, typed, checkpoint)]
    choices = task_options(checkpoint)
    if choices:
        blocks.append(
            InputBlock(
                block_id=ids.TASKS_BLOCK,
                label="Which outputs?",
                element=_chooser(choices, selected=_asking(checkpoint, choices) or choices),
            )
        )
    return _form(ids.REVISION_VIEW, wording, blocks, about=about, notify_on_close=True)


def answer(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    about: ids.FormView,
    typed: str = "",
    note: str = "",
) -> View:
    """Asks for the answer to a question."""
    blocks = [*notes(note), lead(checkpoint, execution), _text_input(_ANSWER, typed, checkpoint)]
    return _form(ids.ANSWER_VIEW, _ANSWER, blocks, about=about)


def outcome(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    about: ids.FormView,
    typed: str = "",
    note: str = "",
) -> View:
    """Asks for one of a gate's outcomes, and words to go with it."""
    which = InputBlock(
        block_id=ids.OUTCOME_BLOCK,
        label="Which outcome?",
        element=outcome_menu(checkpoint, action_id=ids.OUTCOME_INPUT),
    )
    blocks = [
        *notes(note),
        lead(checkpoint, execution),
        which,
        _text_input(_OUTCOME, typed, checkpoint),
    ]
    return _form(ids.OUTCOME_VIEW, _OUTCOME, blocks, about=about)


def _form(
    callback_id: str,
    wording: _Wording,
    blocks: Sequence[Block],
    *,
    about: ids.FormView,
    notify_on_close: bool = False,
) -> View:
    return modal(
        blocks,
        title=wording.title,
        about=about,
        callback_id=callback_id,
        submit=wording.submit,
        close="Cancel",
        notify_on_close=notify_on_close,
    )


def _text_input(wording: _Wording, typed: str, checkpoint: Checkpoint) -> InputBlock:
    """A field with words has an id of its own: one that keeps its id keeps what was typed in it."""
    return InputBlock(
        block_id=f"{ids.TEXT_BLOCK}_{ids.short(checkpoint.id)}" if typed else ids.TEXT_BLOCK,
        label=wording.label,
        hint=wording.hint,
        element=PlainTextInputElement(
            action_id=ids.TEXT_INPUT,
            multiline=True,
            max_length=FIELD_LIMIT,
            initial_value=typed or None,
            placeholder=wording.example,
        ),
    )


def task_options(checkpoint: Checkpoint) -> list[Option]:
    """An option for each output; none if there is no choice, or a name is too long for a value."""
    names = [task.task for task in checkpoint.output.tasks]
    all_fit = all(name and text.length(name) <= VALUE_LIMIT for name in names)
    if not 1 < len(names) <= MAX_OPTIONS or len(set(names)) < len(names) or not all_fit:
        return []
    return [
        Option(value=name, text=PlainTextObject(text=text.plain(text.label(name), 75)))
        for name in names
    ]


def _asking(checkpoint: Checkpoint, choices: list[Option]) -> list[Option]:
    """The task with `human_input`, if the checkpoint is its own: it then has the task's name."""
    return [choice for choice in choices if choice.value == checkpoint.name]


def _chooser(choices: list[Option], *, selected: list[Option]) -> InputInteractiveElement:
    if len(choices) <= MAX_CHECKBOXES:
        return CheckboxesElement(
            action_id=ids.TASKS_INPUT, options=choices, initial_options=selected
        )
    return StaticMultiSelectElement(
        action_id=ids.TASKS_INPUT,
        options=choices,
        initial_options=selected,
        placeholder="Choose the outputs",
    )
