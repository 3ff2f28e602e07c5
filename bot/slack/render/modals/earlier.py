"""Use an earlier revision: a list of them, and the text of one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from slack_sdk.models.blocks import ActionsBlock, Block, DividerBlock, SectionBlock
from slack_sdk.models.blocks.basic_components import MarkdownTextObject
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import buttons, outputs, people, text
from bot.slack.render.markdown.gist import gist
from bot.slack.render.message import section
from bot.slack.render.modals.frame import lead, modal
from bot.slack.render.modals.read import pages_of, turning
from storage.records import Checkpoint, Execution

MOST_LISTED: Final = 40
GIST_LIMIT: Final = 300
WORDS_LIMIT: Final = 300
TITLE: Final = "Earlier revisions"


def earlier(
    checkpoint: Checkpoint,
    execution: Execution,
    revisions: Sequence[Checkpoint],
    *,
    about: ids.FormView,
) -> View:
    """Lists the revisions before this one, newest first."""
    blocks: list[Block] = [lead(checkpoint, execution)]
    if not revisions:
        blocks.append(section("This is the first revision, so there is no earlier one."))
    for each in sorted(revisions, key=lambda each: -each.revision)[:MOST_LISTED]:
        blocks += [DividerBlock(), _listed(each)]
    return modal(blocks, title=TITLE, about=about, callback_id=ids.EARLIER_VIEW)


def _listed(revision: Checkpoint) -> SectionBlock:
    lines = [*_heading(revision)]
    opening = gist(outputs.full_text(revision.output), GIST_LIMIT).opening
    if opening.strip():
        lines.append(text.mrkdwn(opening))
    return SectionBlock(
        block_id=f"revision_{revision.revision}",
        text=MarkdownTextObject(text=text.shorten_mrkdwn("\n".join(lines), 3000), verbatim=True),
        accessory=buttons.button(ids.ActionId.CHOOSE_REVISION, "Read it", str(revision.revision)),
    )


def _heading(revision: Checkpoint) -> list[str]:
    """Its number and time and, if somebody's words led to it, whose and which."""
    lines = [f"*Revision {revision.revision}* · {people.when(revision.created_at)}"]
    if revision.asked.strip():
        by = people.person(revision.asked_by) if revision.asked_by else "somebody"
        lines.append(f"{by} asked:\n{text.quote(revision.asked, WORDS_LIMIT)}")
    return lines


def chosen(
    checkpoint: Checkpoint, execution: Execution, revision: Checkpoint, *, about: ids.FormView
) -> View:
    """The text of one earlier revision, in pages, with the button that brings it back."""
    shown = pages_of(revision.output, revision.kind)
    page = min(max(about.page, 0), len(shown) - 1)
    number = f"page {page + 1} of {len(shown)}" if len(shown) > 1 else ""
    heading = "\n".join(_heading(revision))
    place = [f"{heading}\n{number}" if number else heading]
    blocks: list[Block] = [
        lead(checkpoint, execution),
        section(*place),
        DividerBlock(),
        *shown[page],
        *turning(page, len(shown)),
        ActionsBlock(
            block_id="earlier_all",
            elements=[buttons.button(ids.ActionId.EARLIER_LIST, "All earlier revisions", "list")],
        ),
        DividerBlock(),
        section(
            "Sending shows a new card with this text, which is then decided like any other. "
            "Nothing runs again."
        ),
    ]
    return modal(
        blocks,
        title=TITLE,
        about=replace(about, page=page, revision=revision.revision),
        callback_id=ids.EARLIER_VIEW,
        submit=f"Decide on revision {revision.revision}",
        close="Cancel",
    )
