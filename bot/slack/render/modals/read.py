"""Read it all: the whole output in pages, with the decision at its end. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from slack_sdk.models.blocks import ActionsBlock, Block, DividerBlock
from slack_sdk.models.views import View

from bot.slack import ids
from bot.slack.render import buttons, files, outputs, people, text
from bot.slack.render.decision import decision
from bot.slack.render.markdown.pages import MODAL, pages
from bot.slack.render.message import context, section
from bot.slack.render.modals.frame import lead, modal, preformatted
from storage.records import Checkpoint, CheckpointKind, Execution, PhaseOutput
from storage.states import CheckpointState

VIEW_BYTES: Final = 200_000
"""The most bytes of a page. Slack takes 250,000 for a whole view."""

_NO_DECISIONS: Final = frozenset({ids.ActionId.READ, ids.ActionId.MORE})


def read(checkpoint: Checkpoint, execution: Execution, *, about: ids.FormView) -> View:
    """The page of the output that `about` names, or the last one if there are fewer."""
    shown = pages_of(checkpoint.output, checkpoint.kind)
    page = min(max(about.page, 0), len(shown) - 1)
    is_last = page == len(shown) - 1
    number = f"page {page + 1} of {len(shown)}" if len(shown) > 1 else ""
    blocks: list[Block] = [
        lead(checkpoint, execution, *([number] if number else [])),
        DividerBlock(),
        *shown[page],
        *turning(page, len(shown)),
    ]
    if is_last:
        blocks += [DividerBlock(), *_end(checkpoint, execution)]
    return modal(
        blocks,
        title="The whole text",
        about=replace(about, page=page),
        callback_id=ids.READ_VIEW,
    )


def pages_of(
    output: PhaseOutput, kind: CheckpointKind = CheckpointKind.PHASE
) -> tuple[tuple[Block, ...], ...]:
    """The whole output in pages of a modal; at least one."""
    if kind is CheckpointKind.TOOL:
        code = preformatted(text.reveal_hidden(output.output))
        size = MODAL.blocks // 8
        shown = tuple(tuple(code[at : at + size]) for at in range(0, len(code), size))
    else:
        shown = pages(outputs.full_text(output), room=MODAL)
    fitting = tuple(part for page in shown for part in _fitting(page))
    return fitting or ((section("_There is no text._"),),)


def turning(page: int, count: int) -> list[Block]:
    """The buttons to the pages before and after, each with the page as its value."""
    back = buttons.button(ids.ActionId.PREVIOUS_PAGE, "Previous page", str(page - 1))
    on = buttons.button(ids.ActionId.NEXT_PAGE, "Next page", str(page + 1))
    shown = [*([back] if page > 0 else []), *([on] if page < count - 1 else [])]
    return [ActionsBlock(block_id=f"pages_{page}", elements=shown)] if shown else []


def _end(checkpoint: Checkpoint, execution: Execution) -> list[Block]:
    """What the phase wrote, and the decision."""
    written = files.listed(checkpoint.output.files)
    blocks: list[Block] = [context(*written)] if written else []
    if checkpoint.state is not CheckpointState.PENDING:
        return [*blocks, section(decision(checkpoint))]
    offered = [
        each
        for each in buttons.buttons(checkpoint, execution)
        if each.action_id not in _NO_DECISIONS
    ]
    approvers = people.approvers(checkpoint.rule, execution.requester)
    return [*blocks, context(f"*May decide:* {approvers}"), ActionsBlock(elements=offered)]


def _fitting(page: Sequence[Block]) -> list[tuple[Block, ...]]:
    """The page, halved until its JSON fits into a view."""
    size = len(json.dumps([block.to_dict() for block in page]).encode())
    if size <= VIEW_BYTES or len(page) < 2:
        return [tuple(page)]
    middle = len(page) // 2
    return [*_fitting(page[:middle]), *_fitting(page[middle:])]
