"""A rendered message: its text, its blocks and, kept separately, its buttons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, auto
from typing import Any, Final, assert_never

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ContextBlock,
    InteractiveElement,
    MarkdownTextObject,
    SectionBlock,
)

from bot.slack.render import text

SECTION_LIMIT = 3000
NOTIFICATION_LIMIT = 3000


SENTENCE_LIMIT: Final = 1000


class Form(IntEnum):
    """The forms of a message, each tried if Slack has refused the one before it."""

    FULL = 0  # all blocks
    PLAIN = 1  # one section with `plain`
    SENTENCE = 2  # one section with what a notification says
    TEXT = 3  # no blocks at all, and so no buttons


class WholeText(Enum):
    """Where the whole output of a checkpoint is to be read, as far as the thread shows it."""

    ON_CARD = auto()
    IN_MESSAGE = auto()
    IN_FILE = auto()
    IN_MESSAGES = auto()
    NOWHERE = auto()  # Slack has refused it in every form


def place_of(whole: WholeText) -> str:
    """Where the whole text is, as seen from a message below it. Empty if nowhere else."""
    match whole:
        case WholeText.ON_CARD | WholeText.NOWHERE:
            return ""
        case WholeText.IN_MESSAGE:
            return "in the message above"
        case WholeText.IN_FILE:
            return "in the file above"
        case WholeText.IN_MESSAGES:
            return "in the messages above"
        case _:
            assert_never(whole)


def whole_text_is(whole: WholeText) -> str:
    """A sentence of mrkdwn for a message below the whole text. Empty if it shows all itself."""
    if whole is WholeText.NOWHERE:
        return "Slack did not take the whole text; only this part of it could be posted."
    place = place_of(whole)
    return f"The whole text is {place}." if place else ""


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text` is for notifications and screen readers. `plain` is mrkdwn that replaces the blocks if
    Slack rejects them; `Form` has the steps after that.

    Buttons are separate because a message is posted without them. An update adds them once its
    timestamp is stored. `broadcast` also shows a reply in the channel.
    """

    text: str
    blocks: tuple[Block, ...]
    plain: str
    buttons: tuple[InteractiveElement, ...] = ()
    broadcast: bool = False

    def notification_text(self) -> str:
        """The top-level text, shortened to what a notification can show."""
        return text.shorten_mrkdwn(self.text, NOTIFICATION_LIMIT)

    def to_blocks(self, *, armed: bool, form: Form = Form.FULL) -> list[dict[str, Any]]:
        """The blocks as Slack expects them, with the buttons if `armed`."""
        blocks = self._blocks(form)
        if armed and self.buttons and form is not Form.TEXT:
            blocks = (*blocks, ActionsBlock(elements=list(self.buttons)))
        return [block.to_dict() for block in blocks]

    def _blocks(self, form: Form) -> tuple[Block, ...]:
        match form:
            case Form.FULL:
                return self.blocks
            case Form.PLAIN:
                return (section(self.plain),)
            case Form.SENTENCE:
                return (section(text.shorten_mrkdwn(self.text, SENTENCE_LIMIT)),)
            case Form.TEXT:
                return ()
            case _:
                assert_never(form)


def section(mrkdwn: str) -> SectionBlock:
    """A section with `mrkdwn`, in which text of people and models must be escaped already."""
    shortened = text.shorten_mrkdwn(mrkdwn, SECTION_LIMIT)
    return SectionBlock(text=MarkdownTextObject(text=shortened, verbatim=True))


def context(*parts: str) -> ContextBlock:
    """Small print. Each part is mrkdwn; empty ones are left out."""
    return ContextBlock(
        elements=[MarkdownTextObject(text=part, verbatim=True) for part in parts if part]
    )


def sentences(parts: Sequence[str]) -> str:
    """Join the parts that are not empty with spaces."""
    return " ".join(part for part in parts if part)


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """a, b and c"""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
