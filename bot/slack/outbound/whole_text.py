"""The whole of a clipped text: as a file or, if Slack takes none, as messages. Pure."""

from __future__ import annotations

from typing import Final

from bot.slack.outbound.fallbacks import Shown
from bot.slack.render import text
from bot.slack.render.markdown.pages import pages
from bot.slack.render.message import Form, Rendered, WholeText, context, section
from storage.messages import OutboxRow, OutboxState

PLAIN_PAGE: Final = 2400
"""Characters of a page as plain text; escaping may make it longer."""

_SECTION: Final = 2900


def where(
    output: OutboxRow | None, whole: OutboxRow | None, *, fits_on_card: bool, fits_in_message: bool
) -> WholeText:
    """Where the whole text is, from what became of the two messages before the card.

    `fits_on_card` and `fits_in_message` say what shows everything in its full form.
    """
    if whole is not None and whole.state is OutboxState.POSTED and whole.ts is not None:
        return WholeText.IN_MESSAGES if Shown.of(whole).as_messages else WholeText.IN_FILE
    if fits_in_message and is_in_full_form(output):
        return WholeText.IN_MESSAGE
    return WholeText.ON_CARD if fits_on_card else WholeText.NOWHERE


def is_in_full_form(output: OutboxRow | None) -> bool:
    """Whether the message with the output is in the thread as it should be."""
    return (
        output is not None
        and output.state is OutboxState.POSTED
        and output.ts is not None
        and Shown.of(output).form is Form.FULL
    )


def is_settled(whole: OutboxRow | None) -> bool:
    """Whether nothing more is to be posted before the card."""
    return whole is None or whole.state in (OutboxState.POSTED, OutboxState.FAILED)


def as_pages(whole: str, *, form: Form) -> tuple[Rendered, ...]:
    """The whole text as messages: with all its formatting or, if Slack has refused that, plain."""
    if form is Form.FULL:
        parts = pages(whole)
        return tuple(
            Rendered(label, (*blocks, context(label)), label)
            for label, blocks in zip(_labels(len(parts)), parts, strict=True)
        )
    plain = _plain_parts(text.sanitize(whole).strip())
    return tuple(
        Rendered(f"{label}\n{part}", (section(part),), f"{label}\n{part}")
        for label, part in zip(_labels(len(plain)), plain, strict=True)
    )


def _labels(count: int) -> list[str]:
    return [f"Part {number} of {count}" for number in range(1, count + 1)]


def _plain_parts(whole: str) -> list[str]:
    """Cut at the ends of lines where there are any."""
    parts: list[str] = []
    while whole:
        end = min(len(whole), PLAIN_PAGE)
        while text.length(text.mrkdwn(whole[:end])) > _SECTION:
            end = end * 3 // 4
        if end < len(whole):
            end = whole.rfind("\n", end // 2, end) + 1 or end
        parts.append(text.mrkdwn(whole[:end]))
        whole = whole[end:]
    return [part for part in parts if part.strip()]
