"""What changed from the revision before, with the reviewer's words. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from slack_sdk.models.blocks import ActionsBlock, Block, DividerBlock
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import buttons, files, outputs, people, text
from bot.slack.render import changes as differences
from bot.slack.render.files import Upload
from bot.slack.render.markdown.pages import MODAL
from bot.slack.render.message import context, section
from bot.slack.render.modals.frame import lead, modal
from bot.slack.render.modals.read import turning
from storage.records import Checkpoint, Execution

WORDS_LIMIT: Final = 2000
FILE_AFTER_PAGES: Final = 5
"""A difference of more pages can also be posted as a file."""

_POST_FILE: Final = "Post it as a file in the thread"
_FILE_COMES: Final = "It is being posted as a file in the thread."


def changes(
    checkpoint: Checkpoint,
    execution: Execution,
    before: Checkpoint | None,
    *,
    about: ids.FormView,
    posting: bool = False,
) -> View:
    """The changes with the text around them, in pages; `before` is the revision to compare with.

    `posting`: they were asked for as a file, which is on its way to the thread.
    """
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
    if posting:
        blocks.append(context(_FILE_COMES))
    elif page == 0 and len(pages) > FILE_AFTER_PAGES:
        post = buttons.button(ids.ActionId.CHANGES_FILE, _POST_FILE, str(page))
        blocks.append(ActionsBlock(elements=[post]))
    if pages:
        legend = "*Bold* was added, ~struck through~ was removed."
        blocks += [context(legend), DividerBlock(), *pages[page], *turning(page, len(pages))]
    return modal(
        blocks, title="What changed", about=replace(about, page=page), callback_id=ids.CHANGES_VIEW
    )


def as_file(checkpoint: Checkpoint, execution: Execution, before: Checkpoint) -> Upload:
    """The whole text with the changes in it."""
    marked = differences.as_text(
        outputs.full_text(before.output), outputs.full_text(checkpoint.output)
    )
    title = f"{_revisions(checkpoint, before)} ([-removed-] {{+added+}})"
    path = f"{execution.crew}-{checkpoint.phase}-changes.txt"
    name = files.upload_name(path.replace("/", "-"), ids.short(checkpoint.id))
    return Upload(name, title, marked.encode("utf-8", "replace"))


def asked_for(checkpoint: Checkpoint, before: Checkpoint, by: str) -> str:
    """The message above the file; `by` is the id of who asked."""
    return f"{_revisions(checkpoint, before)}, as <@{by}> asked."


def _revisions(checkpoint: Checkpoint, before: Checkpoint) -> str:
    return f"What changed from revision {before.revision} to revision {checkpoint.revision}"
