"""The message that asks for a decision, and what it becomes afterwards. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    DividerBlock,
    HeaderBlock,
    InteractiveElement,
    MarkdownBlock,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextPreformattedElement,
)

from bot.slack.ids import ActionId, short
from bot.slack.render import buttons, deadlines, outputs, people, text, usage
from bot.slack.render.decision import WORDS_LIMIT, chosen, outcome, outcome_line
from bot.slack.render.message import Rendered, context, section, sentences
from bot.slack.render.position import asked_at_length, question, standing
from storage.definitions import OnTimeout
from storage.policy import CHANNEL
from storage.records import HELD, Checkpoint, CheckpointKind, Execution, Usage
from storage.states import CheckpointState

OUTPUT_LIMIT: Final = 7000
"""Of the about 10,000 characters that a whole message may have."""

ASKED_LIMIT: Final = 1500
LESSONS_LIMIT: Final = 600
LESSON_LIMIT: Final = 120

NOTHING_USED: Final[Usage] = MappingProxyType({})
_WITH_OUTPUT: Final = (CheckpointKind.PHASE, CheckpointKind.GATE)


def render(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    met: int = 1,
    used: Usage = NOTHING_USED,
    upcoming: usage.Upcoming | None = None,
    instead_of: str = "",
) -> Rendered:
    """`met` counts a gate's rounds, `used` is what its phase took. `instead_of` says why this is
    shown here and not where the run belongs."""
    asked = question(checkpoint)
    waiting = checkpoint.state is CheckpointState.PENDING
    stands = standing(checkpoint, execution, met=met)
    output, clipped = shown_output(checkpoint)
    blocks: list[Block] = []
    if instead_of:
        blocks.append(section(instead_of))
    blocks.append(HeaderBlock(text=PlainTextObject(text=asked, emoji=False)))
    # Long outputs push the end of the message out of sight: how it stands is said here too.
    place = f"{stands} · run `{short(execution.id)}`"
    blocks.append(context(place, "" if waiting else outcome_line(checkpoint)))
    amounts = _amounts(checkpoint, used, upcoming if waiting else None)
    if amounts:
        blocks.append(context(*amounts))
    if checkpoint.asked and checkpoint.kind not in HELD:
        blocks.append(section(_revised_because(checkpoint)))
    blocks += [section(part) for part in (_at_length(checkpoint),) if part]
    blocks += _body(checkpoint, output)
    if clipped:
        blocks.append(context("This is the beginning. The whole text is in the file below."))
    blocks += [context(part) for part in (_lessons(checkpoint.lessons),) if part]
    blocks.append(DividerBlock())
    closing = _who_and_when(checkpoint, execution) if waiting else outcome(checkpoint)
    blocks.append(section(closing))
    return Rendered(
        text=_spoken(checkpoint, execution, f"{stands}: {text.mrkdwn(asked)}"),
        blocks=tuple(blocks),
        plain="\n".join([f"*{text.mrkdwn(asked)}*", _plain_body(checkpoint, output), "", closing]),
        buttons=buttons.buttons(checkpoint, execution)
        if waiting
        else _afterwards(checkpoint, execution),
        broadcast=waiting and CHANNEL in checkpoint.rule.approvers,
    )


def _amounts(checkpoint: Checkpoint, used: Usage, upcoming: usage.Upcoming | None) -> list[str]:
    """What the phase took, and what the next one usually takes."""
    spent = usage.spent(used)
    so_far = " so far" if checkpoint.kind in HELD else ""
    took = f"this phase{so_far}: {spent}" if spent else ""
    return [part for part in (took, usage.upcoming(upcoming)) if part]


def shown_output(checkpoint: Checkpoint) -> tuple[str, bool]:
    """What of the output the message shows, and whether some was left out.

    Markdown; of a tool's call its bare arguments, to the letter.
    """
    taken = text.length(_at_length(checkpoint)) + text.length(_lessons(checkpoint.lessons))
    limit = OUTPUT_LIMIT - taken
    if checkpoint.kind is not CheckpointKind.TOOL:
        return outputs.shown(checkpoint.output, limit)
    arguments = text.visible(checkpoint.output.output)
    return text.shorten(arguments, limit), text.length(arguments) > limit


def _body(checkpoint: Checkpoint, output: str) -> list[Block]:
    if checkpoint.kind is CheckpointKind.TOOL:
        tool = section(f"*Tool:* `{_as_code(text.line(checkpoint.name, 100))}`")
        return [DividerBlock(), tool, *([_code(output)] if output.strip() else [])]
    if output:
        return [DividerBlock(), MarkdownBlock(text=output)]
    if checkpoint.kind in _WITH_OUTPUT:
        return [DividerBlock(), MarkdownBlock(text="_The phase gave no text._")]
    return []


def _code(words: str) -> RichTextBlock:
    return RichTextBlock(
        elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=words)])]
    )


def _plain_body(checkpoint: Checkpoint, output: str) -> str:
    if checkpoint.kind is CheckpointKind.TOOL:
        code = text.mrkdwn(_as_code(text.shorten(output, 1500)))
        return f"{text.line(checkpoint.name, 100)}\n```{code or ' '}```"
    return text.shorten(output, 1500)


def _as_code(words: str) -> str:
    """So that it does not end the code that it stands in."""
    return words.replace("`", "'")


def _spoken(checkpoint: Checkpoint, execution: Execution, said: str) -> str:
    if checkpoint.state is CheckpointState.PENDING:
        called = people.called(checkpoint.rule, execution.requester)
        end = "" if said.endswith(("?", ".", "!")) else "."
        please = (
            people.addressed(called, f"please {deadlines.wanted(checkpoint.kind).do}.")
            if called
            else ""
        )
        return sentences([f"{said}{end}", please])
    return f"{said}. {outcome_line(checkpoint)}"


def _revised_because(checkpoint: Checkpoint) -> str:
    by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
    return f"Revised because {by} asked:\n{text.quote(checkpoint.asked, WORDS_LIMIT)}"


def _at_length(checkpoint: Checkpoint) -> str:
    """What is asked, where the header holds only its beginning."""
    words = text.mrkdwn(text.tame(asked_at_length(checkpoint)))
    return text.shorten_mrkdwn(words, ASKED_LIMIT)


def _lessons(lessons: Sequence[str]) -> str:
    """Which lessons the crew was told, clipped."""
    if not lessons:
        return ""
    line, shown = f"Lessons applied ({len(lessons)}):", 0
    for lesson in lessons:
        more = f" “{text.line(lesson, LESSON_LIMIT)}”"
        if text.length(line) + text.length(more) > LESSONS_LIMIT:
            break
        line, shown = line + more, shown + 1
    left = len(lessons) - shown
    return f"{line} and {left} more" if left else line


def _who_and_when(checkpoint: Checkpoint, execution: Execution) -> str:
    rule = checkpoint.rule
    called = people.called(rule, execution.requester)
    may = people.approvers(rule, execution.requester)
    lines = []
    if called and CHANNEL in rule.approvers:
        thing = deadlines.wanted(checkpoint.kind).thing
        lines.append(people.addressed(called, f"this waits for {thing}."))
    lines.append(f"*May {deadlines.wanted(checkpoint.kind).do}:* {may}")
    if checkpoint.kind is CheckpointKind.QUESTION:
        lines.append("A reply in this thread that mentions me is taken as the answer.")
    if checkpoint.deadline is not None:
        lines.append(f"*Until:* {people.when(checkpoint.deadline)}; then {_then(checkpoint)}.")
    return "\n".join(lines)


def _then(checkpoint: Checkpoint) -> str:
    """What the deadline will do."""
    effect, pause = checkpoint.rule.on_timeout, checkpoint.output.pause
    goes_on = effect in (OnTimeout.CONTINUE, OnTimeout.SKIP)
    if checkpoint.outcomes and goes_on and pause is not None and pause.default_outcome:
        return f"{chosen(pause.default_outcome)} is chosen"
    return deadlines.will(checkpoint.kind, effect)


def _afterwards(checkpoint: Checkpoint, execution: Execution) -> tuple[InteractiveElement, ...]:
    """What a decided checkpoint still offers: a revision can become a lesson."""
    if not execution.definition.lessons or checkpoint.state is not CheckpointState.REVISED:
        return ()
    return (buttons.button(ActionId.KEEP_LESSON, "Keep as a lesson", checkpoint.id),)
