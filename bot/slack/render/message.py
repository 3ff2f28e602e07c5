"""A message as rendered: what it says, its blocks, and its buttons apart from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ContextBlock,
    InteractiveElement,
    MarkdownTextObject,
    SectionBlock,
)

from bot.slack.render import text

SECTION_MOST = 3000
SPOKEN_MOST = 3000


@dataclass(frozen=True, slots=True)
class Rendered:
    """`text` is what notifications and screen readers say. `plain` is mrkdwn that stands in for
    the blocks if Slack refuses them.

    Buttons are apart because a message is posted without them: only one whose place is stored
    gets them, by an update. `broadcast` also shows a reply in the channel.
    """

    text: str
    blocks: tuple[Block, ...]
    plain: str
    buttons: tuple[InteractiveElement, ...] = ()
    broadcast: bool = False

    def spoken(self) -> str:
        """The top-level text, of a length that a notification can show."""
        return text.shorten_mrkdwn(self.text, SPOKEN_MOST)

    def shown(self, *, armed: bool, simply: bool = False) -> list[dict[str, Any]]:
        """The blocks as Slack takes them; `simply`: in the plainest form that says the same."""
        blocks = (section(self.plain),) if simply else self.blocks
        if armed and self.buttons:
            blocks = (*blocks, ActionsBlock(elements=list(self.buttons)))
        return [block.to_dict() for block in blocks]


def section(words: str) -> SectionBlock:
    """`words` is mrkdwn, escaped where it is foreign; nothing in it is turned into a link."""
    fit = text.shorten_mrkdwn(words, SECTION_MOST)
    return SectionBlock(text=MarkdownTextObject(text=fit, verbatim=True))


def context(*words: str) -> ContextBlock:
    return ContextBlock(
        elements=[MarkdownTextObject(text=said, verbatim=True) for said in words if said]
    )


def sentences(parts: Sequence[str]) -> str:
    """Join what is there with spaces."""
    return " ".join(part for part in parts if part)


def listed(parts: Sequence[str], *, last: str = "and") -> str:
    """a, b and c"""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"
