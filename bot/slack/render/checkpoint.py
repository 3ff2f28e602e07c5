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
from bot.slack.render import buttons, deadlines, files, outputs, people, text, usage
from bot.slack.render.decision import FEEDBACK_LIMIT, decision, decision_line, quoted_outcome
from bot.slack.render.message import (
    Rendered,
    WholeText,
    context,
    section,
    sentences,
    whole_text_is,
)
from bot.slack.render.position import location, long_question, question
from storage.definitions import OnTimeout
from storage.policy import CHANNEL
from storage.records import HELD, Checkpoint, CheckpointKind, Execution, RevisionMeans, Usage
from storage.states import CheckpointState

OUTPUT_LIMIT: Final = 7000
"""The part of a message's roughly 10,000 characters that the output may take."""

QUESTION_LIMIT: Final = 1500
LESSONS_LIMIT: Final = 600
LESSON_LIMIT: Final = 120

NOTHING_USED: Final[Usage] = MappingProxyType({})
_WITH_OUTPUT: Final = (CheckpointKind.PHASE, CheckpointKind.GATE)


def render(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    gate_round: int = 1,
    used: Usage = NOTHING_USED,
    upcoming: usage.Upcoming | None = None,
    moved_note: str = "",
    whole: WholeText = WholeText.ON_CARD,
    output_link: str | None = None,
) -> Rendered:
    """`gate_round` counts how often a flow has reached its gate, `used` is what the phase used.
    `moved_note` says why the message is not in the run's own channel. `whole` is where the whole
    output is, and `output_link` the address of the message with it, once it is known."""
    title = question(checkpoint)
    waiting = checkpoint.state is CheckpointState.PENDING
    where = location(checkpoint, execution, gate_round=gate_round)
    output, clipped = output_excerpt(checkpoint)
    blocks: list[Block] = []
    if moved_note:
        blocks.append(section(moved_note))
    blocks.append(HeaderBlock(text=PlainTextObject(text=title, emoji=False)))
    # A long output pushes the end of the message out of sight, so the decision is shown here too.
    heading = f"{where} · run `{short(execution.id)}`"
    blocks.append(context(heading, "" if waiting else decision_line(checkpoint)))
    amounts = _amounts(checkpoint, used, upcoming if waiting else None)
    if amounts:
        blocks.append(context(*amounts))
    if checkpoint.asked and checkpoint.kind not in HELD:
        blocks.append(section(_revised_because(checkpoint)))
    blocks += [section(part) for part in (_long_question(checkpoint),) if part]
    blocks += _body(checkpoint, output)
    if clipped and whole is not WholeText.ON_CARD:
        blocks.append(context(f"This is the beginning. {whole_text_is(whole)}"))
    written = files.listed(checkpoint.output.files)
    if written:
        blocks.append(context(*written, *_publishing(checkpoint)))
    blocks += [context(part) for part in (_lessons(checkpoint.lessons),) if part]
    blocks.append(DividerBlock())
    closing = _approvers_and_deadline(checkpoint, execution) if waiting else decision(checkpoint)
    if not waiting and output_link is not None:
        closing += f"\n<{output_link}|What it was about>"
    blocks.append(section(closing))
    return Rendered(
        text=_notification(checkpoint, execution, f"{where}: {text.mrkdwn(title)}"),
        blocks=tuple(blocks),
        plain="\n".join(
            [f"*{text.mrkdwn(title)}*", _plain_body(checkpoint, output), *written, "", closing]
        ),
        buttons=buttons.buttons(checkpoint, execution)
        if waiting
        else _buttons_afterwards(checkpoint, execution),
        broadcast=waiting and CHANNEL in checkpoint.rule.approvers,
    )


def _publishing(checkpoint: Checkpoint) -> list[str]:
    """What will become of the kept files, while that is open."""
    kept = any(file.kept for file in checkpoint.output.files)
    if not kept or checkpoint.state is not CheckpointState.PENDING:
        return []
    if checkpoint.outcomes:
        return ["They are put into the project's folder when the flow completes."]
    return ["Continue puts them into the project's folder."]


def _amounts(checkpoint: Checkpoint, used: Usage, upcoming: usage.Upcoming | None) -> list[str]:
    """What the phase used, and what the next one usually uses."""
    spent = usage.spent(used)
    so_far = " so far" if checkpoint.kind in HELD else ""
    this_phase = f"this phase{so_far}: {spent}" if spent else ""
    return [part for part in (this_phase, usage.upcoming(upcoming)) if part]


def output_excerpt(checkpoint: Checkpoint) -> tuple[str, bool]:
    """Returns the part of the output that the message shows, and whether it was clipped.

    The text is Markdown, or for a tool call its raw arguments.
    """
    overhead = text.length(_long_question(checkpoint)) + text.length(_lessons(checkpoint.lessons))
    limit = OUTPUT_LIMIT - overhead
    if checkpoint.kind is not CheckpointKind.TOOL:
        return outputs.excerpt(checkpoint.output, limit)
    arguments = text.reveal_hidden(checkpoint.output.output)
    return text.shorten(arguments, limit), text.length(arguments) > limit


def _body(checkpoint: Checkpoint, output: str) -> list[Block]:
    if checkpoint.kind is CheckpointKind.TOOL:
        tool = section(f"*Tool:* `{_inside_code(text.line(checkpoint.name, 100))}`")
        return [DividerBlock(), tool, *([_code_block(output)] if output.strip() else [])]
    if output:
        return [DividerBlock(), MarkdownBlock(text=output)]
    if checkpoint.kind in _WITH_OUTPUT:
        return [DividerBlock(), MarkdownBlock(text="_The phase produced no text._")]
    return []


def _code_block(code: str) -> RichTextBlock:
    return RichTextBlock(
        elements=[RichTextPreformattedElement(elements=[RichTextElementParts.Text(text=code)])]
    )


def _plain_body(checkpoint: Checkpoint, output: str) -> str:
    if checkpoint.kind is CheckpointKind.TOOL:
        code = text.mrkdwn(_inside_code(text.shorten(output, 1500)))
        return f"{text.line(checkpoint.name, 100)}\n```{code or ' '}```"
    return text.shorten(output, 1500)


def _inside_code(code: str) -> str:
    """Replace backticks, which would end the code span."""
    return code.replace("`", "'")


def _notification(checkpoint: Checkpoint, execution: Execution, summary: str) -> str:
    if checkpoint.state is CheckpointState.PENDING:
        mentions = people.notified(checkpoint.rule, execution.requester)
        end = "" if summary.endswith(("?", ".", "!")) else "."
        please = (
            people.address(mentions, f"please {deadlines.response_words(checkpoint.kind).verb}.")
            if mentions
            else ""
        )
        return sentences([f"{summary}{end}", please])
    return f"{summary}. {decision_line(checkpoint)}"


def _revised_because(checkpoint: Checkpoint) -> str:
    by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
    lead = (
        f"Revised because {by} asked:"
        if checkpoint.output.revised
        else f"Run again after {by} asked for a revision; nothing shows that these words were used:"
    )
    return f"{lead}\n{text.quote(checkpoint.asked, FEEDBACK_LIMIT)}"


def _long_question(checkpoint: Checkpoint) -> str:
    """The whole question as mrkdwn, if the header holds only its beginning."""
    mrkdwn = text.mrkdwn(text.sanitize(long_question(checkpoint)))
    return text.shorten_mrkdwn(mrkdwn, QUESTION_LIMIT)


def _lessons(lessons: Sequence[str]) -> str:
    """The lessons that the crew was given, clipped."""
    if not lessons:
        return ""
    line, count = f"Lessons applied ({len(lessons)}):", 0
    for lesson in lessons:
        more = f" “{text.line(lesson, LESSON_LIMIT)}”"
        if text.length(line) + text.length(more) > LESSONS_LIMIT:
            break
        line, count = line + more, count + 1
    rest = len(lessons) - count
    return f"{line} and {rest} more" if rest else line


def _approvers_and_deadline(checkpoint: Checkpoint, execution: Execution) -> str:
    rule = checkpoint.rule
    mentions = people.notified(rule, execution.requester)
    approvers = people.approvers(rule, execution.requester)
    lines = []
    if mentions and CHANNEL in rule.approvers:
        noun = deadlines.response_words(checkpoint.kind).noun
        lines.append(people.address(mentions, f"this waits for {noun}."))
    lines.append(f"*May {deadlines.response_words(checkpoint.kind).verb}:* {approvers}")
    if checkpoint.kind is CheckpointKind.QUESTION:
        lines.append("A reply in this thread that mentions me is taken as the answer.")
    if checkpoint.deadline is not None:
        lines.append(f"*Until:* {people.when(checkpoint.deadline)}; then {_then(checkpoint)}.")
    return "\n".join(lines)


def _then(checkpoint: Checkpoint) -> str:
    """What will happen at the deadline."""
    effect, pause = checkpoint.rule.on_timeout, checkpoint.output.pause
    goes_on = effect in (OnTimeout.CONTINUE, OnTimeout.SKIP)
    if checkpoint.outcomes and goes_on and pause is not None and pause.default_outcome:
        return f"{quoted_outcome(pause.default_outcome)} is chosen"
    return deadlines.timeout_effect(checkpoint.kind, effect)


def _buttons_afterwards(
    checkpoint: Checkpoint, execution: Execution
) -> tuple[InteractiveElement, ...]:
    """The buttons of a decided checkpoint: the words of a revision can be kept as a lesson."""
    feedback, revised = checkpoint.feedback, checkpoint.state is CheckpointState.REVISED
    has_words = revised and feedback is not None and feedback.means is RevisionMeans.RUN
    if not execution.definition.lessons or not has_words:
        return ()
    return (buttons.button(ActionId.KEEP_LESSON, "Keep as a lesson", checkpoint.id),)
