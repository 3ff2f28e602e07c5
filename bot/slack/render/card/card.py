"""The card: asks for a decision, on one phone screen. Pure.

From top to bottom: the question; where in the run; what the output is about, or a short output
itself; what changed and on whose words; who may decide, until when and what happens then; the
buttons.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from slack_sdk.models.blocks import (
    Block,
    HeaderBlock,
    InteractiveElement,
    MarkdownTextObject,
    PlainTextObject,
    RichTextBlock,
    RichTextElementParts,
    RichTextSectionElement,
    SectionBlock,
)

from bot.slack.ids import short
from bot.slack.render import buttons, changes, deadlines, output, people, screen, text, usage
from bot.slack.render.card import decided, facts, more, overview
from bot.slack.render.markdown.gist import plain
from bot.slack.render.message import (
    Rendered,
    WholeText,
    context,
    place_of,
    section,
    sentences,
    whole_text_is,
)
from bot.slack.render.position import location, long_question, question
from storage.records import HELD, Checkpoint, CheckpointKind, Execution, RevisionMeans, Usage
from storage.states import CheckpointState

OVERVIEW_LINES: Final = 8
REVISED_OVERVIEW_LINES: Final = 3
QUESTION_LINES: Final = 3
CHANGES_LIMIT: Final = 34
"""Characters of the changes that are shown if everything else takes all the lines it may."""

SMALL_COLUMNS: Final = 42

SPARE_LINES: Final = 9
"""Lines of the question, the words, the number of changes and the small print together. The
changes may use those that are left, at most MORE_CHANGES."""

MORE_CHANGES: Final = 3

NOTHING_USED: Final[Usage] = MappingProxyType({})
_WITH_OUTPUT: Final = (CheckpointKind.PHASE, CheckpointKind.GATE)


def render(
    checkpoint: Checkpoint,
    execution: Execution,
    *,
    whole: WholeText = WholeText.ON_CARD,
    gate_round: int = 1,
    used: Usage = NOTHING_USED,
    upcoming: usage.Upcoming | None = None,
    previous: Checkpoint | None = None,
    output_link: str | None = None,
    moved_note: str = "",
) -> Rendered:
    """`gate_round` counts how often a flow has reached its gate, `used` is what the phase used.
    `whole` is where the whole output is, and `output_link` the address of the message with it, once
    it is known. `previous` is the decided checkpoint that this one is a revision of, `moved_note`
    says why the message is not in the run's own channel.
    """
    if checkpoint.state is not CheckpointState.PENDING:
        return decided.render(
            checkpoint,
            execution,
            gate_round=gate_round,
            whole=whole,
            output_link=output_link,
            moved_note=moved_note,
        )
    title = question(checkpoint)
    where = location(checkpoint, execution, gate_round=gate_round)
    shown = screen.fit(title, most=QUESTION_LINES, columns=screen.HEADER_COLUMNS)
    rest_of_question = _whole_question(checkpoint, shown)
    about = _about(checkpoint, whole, revised=previous is not None)
    closing = facts.approvers_and_deadline(checkpoint, execution)
    blocks: list[Block] = [section(moved_note)] if moved_note else []
    blocks.append(HeaderBlock(text=PlainTextObject(text=shown, emoji=False)))
    place = [where, f"run `{short(execution.id)}`", facts.asked_for_by(checkpoint, execution)]
    blocks.append(context(" · ".join(part for part in place if part)))
    blocks += [section(part) for part in (rest_of_question,) if part]
    blocks += about
    small_print = "\n".join(facts.small_print(checkpoint, used=used, upcoming=upcoming))
    taken = screen.lines(shown, columns=screen.HEADER_COLUMNS)
    taken += screen.lines(small_print, columns=SMALL_COLUMNS) if small_print else 0
    taken += screen.lines(moved_note) if moved_note else 0
    taken += screen.lines(rest_of_question) if rest_of_question else 0
    blocks += _revised(checkpoint, previous, spare=SPARE_LINES - taken)
    blocks += [context(small_print)] if small_print else []
    blocks.append(section(closing))
    return Rendered(
        text=_notification(checkpoint, execution, f"{where}: {text.mrkdwn(title)}"),
        blocks=tuple(blocks),
        plain="\n".join(
            part
            for part in (
                f"*{text.mrkdwn(title)}*",
                where,
                rest_of_question,
                _plain_body(checkpoint),
                *facts.written_files(checkpoint),
                closing,
            )
            if part
        ),
        buttons=_buttons(checkpoint, execution),
        broadcast=True,
    )


def _buttons(checkpoint: Checkpoint, execution: Execution) -> tuple[InteractiveElement, ...]:
    menu = more.menu(checkpoint)
    return (*buttons.buttons(checkpoint, execution), *([menu] if menu is not None else []))


def _about(checkpoint: Checkpoint, whole: WholeText, *, revised: bool) -> list[Block]:
    """A short output itself; of a longer one what it is about, and a button that opens it."""
    blocks: list[Block] = []
    if checkpoint.kind is CheckpointKind.TOOL:
        blocks.append(section(f"*Tool:* `{_inside_code(text.line(checkpoint.name, 100))}`"))
    if whole is WholeText.ON_CARD and output.fits_on_card(checkpoint):
        for page in output.shown_pages(checkpoint)[:1]:
            blocks += page
        if checkpoint.kind in _WITH_OUTPUT and not output.full_text(checkpoint):
            blocks.append(section(f"_{output.NO_TEXT}_"))
        return blocks
    most = REVISED_OVERVIEW_LINES if revised else OVERVIEW_LINES
    content = output.full_text(checkpoint)
    about = overview.overview(checkpoint, content, most=most, place=place_of(whole))
    note = whole_text_is(whole) if whole is WholeText.NOWHERE else ""
    lines = f"{about}\n{note}".strip()
    blocks.append(
        SectionBlock(
            text=MarkdownTextObject(text=text.shorten_mrkdwn(lines, 3000), verbatim=True),
            accessory=more.read_it_all(checkpoint),
        )
    )
    return blocks


def _revised(checkpoint: Checkpoint, previous: Checkpoint | None, *, spare: int) -> list[Block]:
    """Whose words this revision answers, and what changed, on `spare` lines."""
    means = RevisionMeans.RUN
    if previous is not None and previous.feedback is not None:
        means = previous.feedback.means
    inside = checkpoint.kind in HELD
    because = "" if inside else facts.revised_because(checkpoint, means)
    blocks: list[Block] = [section(because)] if because else []
    if previous is not None:
        words = because.count("\n")
        blocks.append(_changes(previous, checkpoint, spare=spare - words))
    return blocks


def _changes(previous: Checkpoint, checkpoint: Checkpoint, *, spare: int) -> RichTextBlock:
    before, now = output.full_text(previous), output.full_text(checkpoint)
    bold = RichTextElementParts.TextStyle(bold=True)
    summary = changes.summary(before, now)
    more_lines = min(max(spare - screen.lines(f"Changed: {summary}"), 0), MORE_CHANGES)
    limit = CHANGES_LIMIT * (1 + more_lines)
    on_card = output.fits_on_card(checkpoint)
    excerpt = () if on_card else changes.excerpt(plain(before), plain(now), limit)
    lead = f"{summary}{chr(10) if excerpt else ''}"
    return RichTextBlock(
        elements=[
            RichTextSectionElement(
                elements=[
                    RichTextElementParts.Text(text="Changed: ", style=bold),
                    RichTextElementParts.Text(text=lead),
                    *excerpt,
                ]
            )
        ]
    )


def _plain_body(checkpoint: Checkpoint) -> str:
    whole = output.full_text(checkpoint)
    if checkpoint.kind is CheckpointKind.TOOL:
        code = text.mrkdwn(_inside_code(text.shorten(whole, 1500)))
        return f"{text.line(checkpoint.name, 100)}\n```{code or ' '}```"
    if not whole:
        return output.NO_TEXT if checkpoint.kind in _WITH_OUTPUT else ""
    return text.mrkdwn(text.shorten(text.sanitize(whole), 1500))


def _inside_code(code: str) -> str:
    """Replace backticks, which would end the code span."""
    return code.replace("`", "'")


def _notification(checkpoint: Checkpoint, execution: Execution, summary: str) -> str:
    mentions = people.notified(checkpoint.rule, execution.requester)
    end = "" if summary.endswith(("?", ".", "!")) else "."
    verb = deadlines.response_words(checkpoint.kind).verb
    please = people.address(mentions, f"please {verb}.") if mentions else ""
    return sentences([f"{summary}{end}", please])


def _whole_question(checkpoint: Checkpoint, shown: str) -> str:
    """The whole question as mrkdwn, if the header holds only its beginning."""
    whole = long_question(checkpoint)
    if not whole and shown != question(checkpoint):
        whole = question(checkpoint)
    return text.shorten_mrkdwn(text.mrkdwn(text.sanitize(whole)), facts.WHOLE_QUESTION_LIMIT)
