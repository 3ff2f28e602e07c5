"""A form that was not accepted, with the words that were typed in it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slack_sdk.models.blocks import Block, PlainTextObject
from slack_sdk.models.views import View

from bot.slack.render import text
from bot.slack.render.message import section
from bot.slack.render.modals.frame import notes, notice, preformatted
from bot.slack.render.position import location, question
from storage.records import Checkpoint, Execution

PASTE_LIMIT: Final = 1900
"""A command up to this length stands whole in the answer that refuses it."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed in one field, under its label."""

    label: str
    words: str


def not_taken(reason: str, typed: Sequence[Typed]) -> View:
    """Says why a form was not accepted, and gives back its words. `reason` is mrkdwn."""
    blocks: list[Block] = notes(reason)
    if typed:
        blocks.append(section("Your words, to copy:"))
    for each in typed:
        if len(typed) > 1:
            blocks.append(section(f"*{text.line(each.label, 200)}*"))
        blocks += preformatted(each.words)
    return View(
        type="modal",
        title=PlainTextObject(text="Not accepted"),
        close=PlainTextObject(text="Close"),
        blocks=blocks[:100],
    )


def start_refused(reason: str, command: str) -> View:
    """A start that was refused. `reason` has the beginning of the command; a long one follows."""
    is_whole = text.length(command) <= PASTE_LIMIT
    return notice(reason) if is_whole else not_taken(reason, [Typed("", command)])


def for_another(reason: str, checkpoint: Checkpoint, execution: Execution) -> str:
    """The note above a form in which the same words can be sent to another checkpoint."""
    name = text.mrkdwn(question(checkpoint))
    return (
        f"{reason}\nYour words are below. This run now waits at another checkpoint, *{name}* "
        f"({location(checkpoint, execution)}): you can send them there, or copy them."
    )
