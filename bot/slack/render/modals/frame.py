"""What all modals about a checkpoint share. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
)
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import text
from bot.slack.render.message import SECTION_LIMIT, section
from bot.slack.render.modals import parts
from bot.slack.render.position import location, long_question, question
from storage.records import Checkpoint, Execution

TITLE_LIMIT: Final = 24
FIELD_LIMIT: Final = 3000
"""The most characters that Slack takes in a text field."""

LEAD_LIMIT: Final = 1500


def modal(
    blocks: Sequence[Block],
    *,
    title: str,
    about: ids.FormView,
    callback_id: str,
    submit: str | None = None,
    close: str = "Close",
    notify_on_close: bool = False,
) -> View:
    return View(
        type="modal",
        callback_id=callback_id,
        title=PlainTextObject(text=text.plain(title, TITLE_LIMIT)),
        submit=None if submit is None else PlainTextObject(text=text.plain(submit, TITLE_LIMIT)),
        close=PlainTextObject(text=close),
        private_metadata=about.encode(),
        notify_on_close=notify_on_close,
        blocks=blocks,
    )


def lead(checkpoint: Checkpoint, execution: Execution, *more: str) -> Block:
    """The question and the place in the run; `more` are further parts of the place, as mrkdwn."""
    whole = long_question(checkpoint)
    rest = f"\n{text.quote(whole, LEAD_LIMIT)}" if whole else ""
    place = " · ".join((location(checkpoint, execution), *more))
    return section(f"*{text.mrkdwn(question(checkpoint))}*\n{place}{rest}")


def notes(mrkdwn: str) -> list[Block]:
    """Sections with the whole of a text that may be longer than one of them."""
    shown: list[str] = []
    for line in mrkdwn.split("\n"):
        if shown and text.length(shown[-1]) + text.length(line) < SECTION_LIMIT:
            shown[-1] += f"\n{line}"
        else:
            shown.append(line)
    return [section(part) for part in shown if part.strip()]


def preformatted(content: str) -> list[Block]:
    """Blocks with a text to the letter, for people to read or copy."""
    return [
        RichTextBlock(
            elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=part)])]
        )
        for part in _pieces(text.sanitize(content))
        if part.strip()
    ]


def _pieces(content: str) -> list[str]:
    return [part.text for part in parts.split(content, FIELD_LIMIT)]


def notice(mrkdwn: str) -> View:
    """Says why something was not accepted."""
    return View(
        type="modal",
        title=PlainTextObject(text="Not accepted"),
        close=PlainTextObject(text="Close"),
        blocks=notes(mrkdwn),
    )
