"""The final message of a run, reminders and notices. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from slack_sdk.models.blocks import Block, HeaderBlock, PlainTextObject

from bot.slack.ids import short
from bot.slack.render import deadlines, files, people, text, usage
from bot.slack.render.markdown.pages import pages
from bot.slack.render.message import Rendered, context, section
from bot.slack.render.output import NO_RESULT, is_blank
from bot.slack.render.position import location, question
from bot.slack.render.root import failure
from storage.records import Checkpoint, Execution, Usage

PLAIN_LIMIT: Final = 2000


def render(execution: Execution, *, used: Usage | None = None, moved_note: str = "") -> Rendered:
    """The result of a complete run. `used` is what the whole run used."""
    shown = _pages(execution)
    title = "The execution is complete"
    requester = people.person(execution.requester)
    lead = f"{requester} *{text.mrkdwn(execution.crew)}* has finished."
    took = people.duration((execution.ended_at or execution.updated_at) - execution.created_at)
    blocks: list[Block] = [section(moved_note)] if moved_note else []
    blocks += [
        HeaderBlock(text=PlainTextObject(text=title, emoji=False)),
        context(f"run `{short(execution.id)}` · took {took}"),
        section(lead),
        *(shown[0] if shown else [section(f"_{NO_RESULT}_")]),
    ]
    if len(shown) > 1:
        blocks.append(context("This is the beginning. The whole result follows below."))
    written = files.listed(execution.result.files) if execution.result is not None else []
    if written:
        blocks.append(context(*written, "These are put into the project's folder."))
    amounts = _amounts(used or {})
    if amounts:
        blocks.append(context(*amounts))
    beginning = text.shorten(text.sanitize(result_text(execution)).strip(), PLAIN_LIMIT)
    plain = [f"*{title}*", lead, text.mrkdwn(beginning) or NO_RESULT, *written]
    return Rendered(text=f"{title}: {lead}", blocks=tuple(blocks), plain="\n".join(plain))


def shows_all(execution: Execution) -> bool:
    """Whether the message shows the whole result, so that no file has to."""
    return len(_pages(execution)) < 2


def _pages(execution: Execution) -> tuple[tuple[Block, ...], ...]:
    return pages(result_text(execution))


def _advice_after_failure(execution: Execution) -> str:
    if not execution.retry_helps:
        return "It cannot be resumed. Start it again once the cause is gone."
    return (
        "To resume it where it failed, click Retry on the first message of this thread, or "
        f"type `/crew retry {short(execution.id)}`."
    )


def _amounts(used: Usage) -> list[str]:
    """What was used in total, and by model if there were several."""
    parts = (usage.spent(used), usage.by_model(used))
    return [part for part in parts if part]


def result_text(execution: Execution) -> str:
    """The whole result; empty if nothing of it can be seen."""
    result = execution.result.output if execution.result is not None else ""
    return "" if is_blank(result) else result


def reminder(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    which: str,
    gate_round: int = 1,
    card_link: str | None = None,
) -> Rendered:
    """A reminder to those who may decide. `which` is "half" or "last"; `card_link` is the address
    of the card, once it is known."""
    title = text.mrkdwn(question(checkpoint))
    lead = people.address(
        people.notified(checkpoint.rule, execution.requester),
        "this is still waiting" if which == "half" else "the time for this is nearly up",
    )
    until = ""
    if checkpoint.deadline is not None:
        then = deadlines.timeout_effect(checkpoint.kind, checkpoint.rule.on_timeout)
        verb = f"{deadlines.response_words(checkpoint.kind).verb}s"
        until = f" If nobody {verb} by {people.when(checkpoint.deadline)}, {then}."
    where = location(checkpoint, execution, gate_round=gate_round)
    linked = title if card_link is None else f"<{card_link}|{title}>"
    reminder_text = f":bell: {lead}: *{linked}* ({where}).{until}"
    return Rendered(text=reminder_text, blocks=(section(reminder_text),), plain=reminder_text)


def notice(
    execution: Execution,
    payload: Mapping[str, object],
    checkpoint: Checkpoint | None,
    *,
    moved_note: str = "",
) -> Rendered:
    """A message about something that nobody in the thread has just done."""
    notice_text = _notice_text(execution, payload, checkpoint)
    if moved_note:
        notice_text = f"{moved_note}\n{notice_text}"
    return Rendered(text=notice_text, blocks=(section(notice_text),), plain=notice_text)


def _notice_text(
    execution: Execution, payload: Mapping[str, object], checkpoint: Checkpoint | None
) -> str:
    requester = people.person(execution.requester)
    match payload.get("notice"):
        case "cancelled":
            by = people.person(execution.ended_by) if execution.ended_by else "somebody"
            return f":no_entry_sign: This run was cancelled by {by}."
        case "error":
            return (
                f":warning: {requester}, this run failed: {failure(execution)}\n"
                + _advice_after_failure(execution)
            )
        case "expired" if checkpoint is not None:
            feedback = checkpoint.feedback
            result = (
                deadlines.timeout_result(checkpoint.kind, feedback) if feedback is not None else ""
            )
            title = text.mrkdwn(question(checkpoint))
            past = deadlines.response_words(checkpoint.kind).past
            return f":hourglass: {requester}, nobody {past} “{title}” in time{result}."
        case _:
            plain = payload.get("text")
            return text.mrkdwn(text.shorten(plain, 2500)) if isinstance(plain, str) else "…"
