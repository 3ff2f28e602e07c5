"""The modal that takes the words of a revision. Pure."""

from __future__ import annotations

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
from bot.slack.render.message import section
from bot.slack.render.place import question, standing
from storage.records import Checkpoint, Execution

TEXT_MOST = 3000
MOST_CHECKBOXES = 10
MOST_OPTIONS = 100
VALUE_MOST = 75


def revision(checkpoint: Checkpoint, execution: Execution, *, about: ids.RevisionView) -> View:
    """Asks what is to change and, where the phase has several outputs, which of them."""
    lead = f"*{text.mrkdwn(question(checkpoint))}*\n{standing(checkpoint, execution)}"
    blocks: list[Block] = [
        section(lead),
        InputBlock(
            block_id=ids.TEXT_BLOCK,
            label="What is to change?",
            hint="Say it as you would to a colleague. The phase is done again with your words, "
            "and its new output comes back here for a decision.",
            element=PlainTextInputElement(
                action_id=ids.TEXT_INPUT,
                multiline=True,
                max_length=TEXT_MOST,
                placeholder="For example: shorter, and more for beginners",
            ),
        ),
    ]
    choices = task_options(checkpoint)
    if choices:
        blocks.append(
            InputBlock(
                block_id=ids.TASKS_BLOCK,
                label="Which outputs?",
                element=_chooser(choices),
            )
        )
    return View(
        type="modal",
        callback_id=ids.REVISION_VIEW,
        title=PlainTextObject(text="Ask for a revision"),
        submit=PlainTextObject(text="Revise"),
        close=PlainTextObject(text="Cancel"),
        private_metadata=about.encode(),
        notify_on_close=True,
        blocks=blocks,
    )


def task_options(checkpoint: Checkpoint) -> list[Option]:
    """One for each output; none where there is nothing to choose or names are unfit to travel."""
    names = [task.task for task in checkpoint.output.tasks]
    fit = all(name and text.length(name) <= VALUE_MOST for name in names)
    if not 1 < len(names) <= MOST_OPTIONS or len(set(names)) < len(names) or not fit:
        return []
    return [
        Option(value=name, text=PlainTextObject(text=text.plain(text.label(name), 75)))
        for name in names
    ]


def _chooser(choices: list[Option]) -> InputInteractiveElement:
    if len(choices) <= MOST_CHECKBOXES:
        return CheckboxesElement(
            action_id=ids.TASKS_INPUT, options=choices, initial_options=choices
        )
    return StaticMultiSelectElement(
        action_id=ids.TASKS_INPUT,
        options=choices,
        initial_options=choices,
        placeholder="Choose the outputs",
    )


def told(words: str) -> View:
    """What the modal becomes when its words can no longer be taken."""
    return View(
        type="modal",
        title=PlainTextObject(text="Not revised"),
        close=PlainTextObject(text="Close"),
        blocks=[section(words)],
    )
