"""Edit: the output in text fields, a long one in parts. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from slack_sdk.models.blocks import Block, InputBlock, PlainTextInputElement
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import text
from bot.slack.render.message import section
from bot.slack.render.modals.frame import FIELD_LIMIT, lead, modal, notes
from bot.slack.render.modals.parts import GAPS, Part, join, same, split
from storage.records import Checkpoint, Execution, PhaseOutput

MOST_CHARACTERS: Final = 30_000
MOST_FIELDS: Final = 60
WHOLE: Final = ""
"""The key of the text of an output without tasks."""


def edit(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    about: ids.FormView,
    typed: Mapping[str, str] | None = None,
    note: str = "",
) -> View | None:
    """A field for each part of each text; None if the output is too long for a modal.

    `typed` are texts by task that the person has written already. `note` is mrkdwn that stands
    first.
    """
    texts = texts_of(checkpoint.output) | dict(typed or {})
    shown = {name: split(content, FIELD_LIMIT) for name, content in texts.items()}
    count = sum(len(parts) for parts in shown.values())
    if sum(map(text.length, texts.values())) > MOST_CHARACTERS or count > MOST_FIELDS:
        return None
    blocks: list[Block] = [*notes(note), lead(checkpoint, execution)]
    for number, (name, parts) in enumerate(shown.items()):
        blocks += [
            _field(
                part,
                _block_id(number, at, part.gap, of=checkpoint),
                _label(name, at, len(parts)),
                optional=len(parts) > 1 or not part.text.strip(),
            )
            for at, part in enumerate(parts)
        ]
    hint = "Sending shows a new card with your text, which is then decided like any other."
    return modal(
        [*blocks, section(hint)],
        title="Edit the text",
        about=about,
        callback_id=ids.EDIT_VIEW,
        submit="Send",
        close="Cancel",
    )


def too_long(checkpoint: Checkpoint, execution: Execution, *, about: ids.FormView) -> View:
    """Says how to edit an output that does not fit into a modal."""
    how = (
        "This text is too long for a form. Edit it in a file: copy the whole text from the file in "
        "the thread, change it, and send it as a text file (`.md` or `.txt`) in a reply in the "
        "thread within 15 minutes. That shows a new card with your text, which is then decided "
        "like any other."
    )
    return modal(
        [lead(checkpoint, execution), section(how)],
        title="Edit the text",
        about=about,
        callback_id=ids.EDIT_VIEW,
    )


def texts_of(output: PhaseOutput) -> dict[str, str]:
    """What can be edited, by task: the structure of a typed output, else the text.

    Tasks that share a name cannot be told apart, so they are left out.
    """
    if not output.tasks:
        return {WHOLE: output.output}
    if len(output.tasks) == 1:
        only = output.tasks[0]
        return {only.task: only.structured or output.output}
    count = Counter(task.task for task in output.tasks)
    return {
        task.task: task.structured or task.output for task in output.tasks if count[task.task] == 1
    }


def texts(output: PhaseOutput, entered: Mapping[str, str]) -> dict[str, str]:
    """The texts that a person changed, by task, joined from the parts exactly as they were split.

    A part that was left as it was is the original, to the letter. Raises IdError if a field is not
    one of ours.
    """
    shown = texts_of(output)
    by_number: dict[int, dict[int, Part]] = {}
    for block_id, content in entered.items():
        number, at, gap = _numbers(block_id)
        by_number.setdefault(number, {})[at] = Part(content, gap)
    names = list(shown)
    edited: dict[str, str] = {}
    for number, parts in by_number.items():
        if number >= len(names):
            raise ids.IdError("block_id is not a part of this output")
        originals = split(shown[names[number]], FIELD_LIMIT)
        ordered = [parts[at] for at in sorted(parts)]
        is_same_split = [part.gap for part in ordered] == [part.gap for part in originals]
        edited[names[number]] = join(
            [
                original if is_same_split and same(part.text, original.text) else part
                for part, original in zip(ordered, originals, strict=True)
            ]
            if len(ordered) == len(originals)
            else ordered
        )
    return {name: content for name, content in edited.items() if content != shown[name]}


def _field(part: Part, block_id: str, label: str, *, optional: bool) -> InputBlock:
    return InputBlock(
        block_id=block_id,
        label=label,
        optional=optional,
        element=PlainTextInputElement(
            action_id=block_id,
            multiline=True,
            max_length=FIELD_LIMIT,
            initial_value=text.sanitize(part.text) or None,
        ),
    )


def _label(name: str, at: int, count: int) -> str:
    words = text.label(name)
    title = f"{words[:1].upper()}{words[1:]}" if words else "Text"
    return title if count == 1 else f"{title}, part {at + 1} of {count}"


def _block_id(number: int, at: int, gap: str, *, of: Checkpoint) -> str:
    """Names the checkpoint too: a field that keeps its id keeps what was typed in it."""
    return f"{ids.EDIT_PREFIX}{number}_{at}_{GAPS.index(gap)}_{ids.short(of.id)}"


def _numbers(block_id: str) -> tuple[int, int, str]:
    numbers = [ids.parse_number(part) for part in block_id.split("_")[1:4]]
    if len(numbers) != 3 or numbers[2] >= len(GAPS):
        raise ids.IdError("block_id is not a part of an output")
    return numbers[0], numbers[1], GAPS[numbers[2]]
