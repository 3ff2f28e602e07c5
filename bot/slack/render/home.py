"""The Home tab, and the same list as a message for `/crew inbox`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    DividerBlock,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.slack.ids import HOME_VIEW, ActionId, short
from bot.slack.render import buttons, limits, output, people, text
from bot.slack.render.answers import Answer
from bot.slack.render.card import facts, more, overview
from bot.slack.render.decision import decision_line
from bot.slack.render.message import context, section
from bot.slack.render.position import location, question
from bot.slack.render.request import asked_for
from bot.slack.render.root import Progress, state_line
from storage.records import Checkpoint, CheckpointKind, Execution
from storage.waiting_reads import Entry

ENTRIES: Final = 10
"""The checkpoints in the Home. Each takes up to four of its 100 blocks."""

INBOX_ENTRIES: Final = 6
"""A message has less room than the Home."""

INBOX_LINES: Final = 20
LINES_TOGETHER: Final = 5

RUNS: Final = 8
DECIDED: Final = 8
OVERVIEW_LINES: Final = 5
ARGUMENTS_LIMIT: Final = 280
REQUEST_LIMIT: Final = 100

_NOTHING: Final = "Nothing waits for you."


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run in the list of one's own. `permalink` is the address of its thread."""

    execution: Execution
    progress: Progress
    permalink: str | None


def home(
    waiting: Sequence[Entry],
    *,
    beyond: int,
    runs: Sequence[ShownRun],
    decided: Sequence[Entry],
) -> View:
    """`beyond` is how many checkpoints wait besides those in `waiting`."""
    blocks: list[Block] = [_header("Waits for you")]
    blocks += _waiting(waiting) or [section(_NOTHING)]
    if beyond:
        blocks.append(context(f"and {beyond} more: `/crew inbox`"))
    blocks.append(ActionsBlock(block_id="home_start", elements=[_start_button()]))
    blocks += [DividerBlock(), _header("Your runs")]
    blocks += [section(_run(each)) for each in runs] or [
        section("You have not started a run yet. `/crew` opens a form for that in any channel.")
    ]
    if decided:
        blocks += [DividerBlock(), _header("Decided lately")]
        blocks += [context(_decided(each)) for each in decided]
    return View(type="home", callback_id=HOME_VIEW, blocks=blocks)


def inbox(waiting: Sequence[Entry], *, beyond: int) -> Answer:
    """What waits, as a message that one person sees: the first entries with their buttons, as many
    as fit, then a line each."""
    if not waiting:
        return Answer(_NOTHING)
    number = len(waiting) + beyond
    title = f"*{number} checkpoint{'s' if number > 1 else ''} waiting for you*"
    for count in range(min(INBOX_ENTRIES, len(waiting)), -1, -1):
        blocks: list[Block] = [section(title), *_waiting(waiting[:count])]
        rest = [_line(entry) for entry in waiting[count:INBOX_LINES]]
        if rest:
            blocks.append(DividerBlock())
        blocks += [
            section("\n".join(rest[first : first + LINES_TOGETHER]))
            for first in range(0, len(rest), LINES_TOGETHER)
        ]
        left = len(waiting[INBOX_LINES:]) + beyond
        if left:
            blocks.append(context(f"and {left} more, with later deadlines"))
        if limits.fits(blocks):
            break
    return Answer(title, tuple(blocks))


def _header(title: str) -> HeaderBlock:
    return HeaderBlock(text=PlainTextObject(text=title, emoji=False))


def _start_button() -> InteractiveElement:
    return buttons.button(ActionId.OPEN_START, "Start a crew…", "home")


def _waiting(entries: Sequence[Entry]) -> list[Block]:
    blocks: list[Block] = []
    for entry in entries:
        if blocks:
            blocks.append(DividerBlock())
        blocks += _entry(entry)
    return blocks


def _entry(entry: Entry) -> list[Block]:
    """The question, its place, the gist and, once the card is posted, the buttons."""
    checkpoint, execution = entry.checkpoint, entry.execution
    title = _linked(f"*{text.mrkdwn(question(checkpoint))}*", entry.permalink)
    lines = [title, _asked(execution, REQUEST_LIMIT), _place(checkpoint, execution)]
    if checkpoint.deadline is not None:
        until = people.when(checkpoint.deadline)
        lines.append(f"*Until:* {until}; then {facts.then(checkpoint)}.")
    blocks: list[Block] = [section("\n".join(lines)), *_about(checkpoint)]
    if checkpoint.message_ts is None:
        blocks.append(context("Its card is about to appear in the thread."))
    else:
        elements = list(buttons.buttons(checkpoint, execution))
        blocks.append(ActionsBlock(block_id=f"waiting_{checkpoint.id}", elements=elements))
    return blocks


def _line(entry: Entry) -> str:
    checkpoint, execution = entry.checkpoint, entry.execution
    title = _linked(text.line(question(checkpoint), 80), entry.permalink)
    deadline = checkpoint.deadline
    until = f" · until {people.when(deadline)}" if deadline is not None else ""
    return f"• {title} · {_asked(execution, 60)}{until}"


def _place(checkpoint: Checkpoint, execution: Execution) -> str:
    channel = f"<#{execution.channel}> · " if _is_channel(execution.channel) else ""
    return f"{channel}{location(checkpoint, execution)} · run `{short(execution.id)}`"


def _asked(execution: Execution, limit: int) -> str:
    """The crew and what it was asked for."""
    request = text.line(asked_for(execution.request), limit)
    return f"*{text.mrkdwn(execution.crew)}* {request}".rstrip()


def _is_channel(channel: str | None) -> bool:
    return channel is not None and channel[:1] in ("C", "G")


def _about(checkpoint: Checkpoint) -> list[Block]:
    """What the decision is about, as on the card but shorter."""
    if checkpoint.kind is CheckpointKind.TOOL:
        arguments = text.shorten(text.reveal_hidden(checkpoint.output.output), ARGUMENTS_LIMIT)
        return [section(f"*Tool:* {text.line(checkpoint.name, 100)}\n{text.mrkdwn(arguments)}")]
    whole = output.full_text(checkpoint)
    if not whole:
        return []
    return [
        SectionBlock(
            block_id=f"gist_{checkpoint.id}",
            text=MarkdownTextObject(
                text=overview.overview(checkpoint, whole, most=OVERVIEW_LINES), verbatim=True
            ),
            accessory=None if checkpoint.message_ts is None else more.read_it_all(checkpoint),
        )
    ]


def _run(run: ShownRun) -> str:
    execution = run.execution
    request = text.line(asked_for(execution.request), REQUEST_LIMIT)
    title = _linked(f"*{text.mrkdwn(execution.crew)}*", run.permalink)
    channel = f" in <#{execution.channel}>" if _is_channel(execution.channel) else ""
    lead = f"{title}{channel} · {people.when(execution.created_at)}"
    return "\n".join(part for part in (lead, request, state_line(execution, run.progress)) if part)


def _decided(entry: Entry) -> str:
    checkpoint = entry.checkpoint
    title = _linked(text.mrkdwn(question(checkpoint)), entry.permalink)
    feedback = checkpoint.feedback
    at = f" · {people.when(feedback.at)}" if feedback is not None else ""
    crew = text.mrkdwn(entry.execution.crew)
    return f"{title} · {crew} · {decision_line(checkpoint)}{at}"


def _linked(mrkdwn: str, permalink: str | None) -> str:
    """The text as a link to a message of ours, if its address is known."""
    if permalink is None or not permalink.startswith(("https://", "http://")):
        return mrkdwn
    bold = mrkdwn.startswith("*") and mrkdwn.endswith("*")
    inner = mrkdwn.strip("*").replace("|", "¦") if bold else mrkdwn.replace("|", "¦")
    link = f"<{permalink}|{inner}>"
    return f"*{link}*" if bold else link
