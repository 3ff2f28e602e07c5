"""The last message of a run, and the words to its thread in between. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from slack_sdk.models.blocks import Block, HeaderBlock, MarkdownBlock, PlainTextObject

from bot.slack.ids import short
from bot.slack.render import deadlines, people, text, usage
from bot.slack.render.message import Rendered, context, section
from bot.slack.render.position import question, standing
from bot.slack.render.root import failure
from storage.records import Checkpoint, Execution, Usage

RESULT_LIMIT = 7000


def render(execution: Execution, *, used: Usage | None = None, instead_of: str = "") -> Rendered:
    """The result of a run that is complete; the whole of it goes with it as a file.

    `used` is what the whole run took.
    """
    result, clipped = text.clip(text.markdown(result_text(execution)), RESULT_LIMIT)
    done = "The execution is complete"
    asked_by = people.person(execution.requester)
    lead = f"{asked_by} *{text.mrkdwn(execution.crew)}* has finished."
    took = people.duration((execution.ended_at or execution.updated_at) - execution.created_at)
    blocks: list[Block] = [section(instead_of)] if instead_of else []
    blocks += [
        HeaderBlock(text=PlainTextObject(text=done, emoji=False)),
        section(lead),
        MarkdownBlock(text=result or "_The last phase gave no text._"),
        context(
            "This is the beginning. The whole result is in the file below."
            if clipped
            else "The result is also in the file below.",
            f"run `{short(execution.id)}` · took {took}",
        ),
    ]
    amounts = _amounts(used or {})
    if amounts:
        blocks.append(context(*amounts))
    return Rendered(
        text=f"{done}: {lead}",
        blocks=tuple(blocks),
        plain=f"*{done}*\n{lead}\n{text.shorten(result, 2000)}",
    )


def _amounts(used: Usage) -> list[str]:
    """What was used in all, and by model where there were several."""
    parts = (usage.spent(used), usage.by_model(used))
    return [part for part in parts if part]


def result_text(execution: Execution) -> str:
    return execution.result.output if execution.result is not None else ""


def reminder(checkpoint: Checkpoint, execution: Execution, *, which: str, met: int = 1) -> Rendered:
    """A nudge to those who may decide, with what the deadline will do."""
    asked = text.mrkdwn(question(checkpoint))
    lead = people.addressed(
        people.called(checkpoint.rule, execution.requester),
        "this still waits" if which == "half" else "this will soon be too late to decide",
    )
    until = ""
    if checkpoint.deadline is not None:
        then = deadlines.will(checkpoint.kind, checkpoint.rule.on_timeout)
        does = f"{deadlines.wanted(checkpoint.kind).do}s"
        until = f" If nobody {does} until {people.when(checkpoint.deadline)}, {then}."
    words = f":bell: {lead}: *{asked}* ({standing(checkpoint, execution, met=met)}).{until}"
    return Rendered(text=words, blocks=(section(words),), plain=words)


def notice(
    execution: Execution,
    payload: Mapping[str, object],
    checkpoint: Checkpoint | None,
    *,
    instead_of: str = "",
) -> Rendered:
    """Words about something that nobody in the thread did just now."""
    words = _notice_words(execution, payload, checkpoint)
    if instead_of:
        words = f"{instead_of}\n{words}"
    return Rendered(text=words, blocks=(section(words),), plain=words)


def _notice_words(
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
                "Retry takes it up where it failed: the button is on the first message of this "
                f"thread, or type `/crew retry {short(execution.id)}`."
            )
        case "expired" if checkpoint is not None:
            feedback = checkpoint.feedback
            did = deadlines.did(checkpoint.kind, feedback) if feedback is not None else ""
            asked = text.mrkdwn(question(checkpoint))
            done = deadlines.wanted(checkpoint.kind).done
            return f":hourglass: {requester}, nobody {done} “{asked}” in time{did}."
        case _:
            words = payload.get("text")
            return text.mrkdwn(text.shorten(words, 2500)) if isinstance(words, str) else "…"
