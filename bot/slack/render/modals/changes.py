"""What changed from the revision before, with the reviewer's words. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from slack_sdk.models.blocks import Block, DividerBlock
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import changes as differences
from bot.slack.render import outputs, people, text
from bot.slack.render.markdown.pages import MODAL
from bot.slack.render.message import context, section
from bot.slack.render.modals.frame import lead, modal
from bot.slack.render.modals.read import turning
from storage.records import Checkpoint, Execution

WORDS_LIMIT: Final = 2000


def changes(
    checkpoint: Checkpoint,
    execution: Execution,
    before: Checkpoint | None,
    *,
    about: ids.FormView,
) -> View:
    """The changes with the text around them, in pages; `before` is the revision to compare with."""
    pages: tuple[tuple[Block, ...], ...] = ()
    summary = "This is the first revision, so there is nothing to compare."
    if before is not None:
        old, new = outputs.full_text(before.output), outputs.full_text(checkpoint.output)
        pages = differences.blocks(old, new, MODAL)
        summary = f"Changed from revision {before.revision}: {differences.summary(old, new)}."
    page = min(max(about.page, 0), max(0, len(pages) - 1))
    number = [f"page {page + 1} of {len(pages)}"] if len(pages) > 1 else []
    blocks: list[Block] = [lead(checkpoint, execution, *number)]
    if checkpoint.asked.strip():
        by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
        blocks.append(section(f"{by} asked:\n{text.quote(checkpoint.asked, WORDS_LIMIT)}"))
    blocks.append(section(summary))
    if pages:
        legend = "*Bold* was added, ~struck through~ was removed."
        blocks += [context(legend), DividerBlock(), *pages[page], *turning(page, len(pages))]
    return modal(
        blocks, title="What changed", about=replace(about, page=page), callback_id=ids.CHANGES_VIEW
    )
