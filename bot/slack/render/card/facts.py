"""The facts of a card besides the output, each on one line or a few. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bot.slack.render import deadlines, files, people, screen, text, usage
from bot.slack.render.decision import quoted_outcome
from storage.definitions import OnTimeout
from storage.policy import CHANNEL
from storage.records import (
    HELD,
    Checkpoint,
    CheckpointKind,
    Execution,
    PhaseOutput,
    RevisionMeans,
    Usage,
)
from storage.states import CheckpointState

WHOLE_QUESTION_LIMIT: Final = 1500
LESSONS_COLUMNS: Final = 46
FILES_NAMED: Final = 3
FILE_COLUMNS: Final = 28
ASKED_LINES: Final = 2


def small_print(
    checkpoint: Checkpoint, *, used: Usage, upcoming: usage.Upcoming | None
) -> list[str]:
    """What was used, the lessons and the files, each as one line of mrkdwn."""
    lines = [" · ".join(_amounts(checkpoint, used, upcoming))]
    lines.append(_lessons(checkpoint.lessons))
    lines.append(_files(checkpoint))
    return [line for line in lines if line]


def _amounts(checkpoint: Checkpoint, used: Usage, upcoming: usage.Upcoming | None) -> list[str]:
    """What the phase used, and what the next one usually uses."""
    spent = usage.spent(used)
    so_far = " so far" if checkpoint.kind in HELD else ""
    this_phase = f"this phase{so_far}: {spent}" if spent else ""
    return [part for part in (this_phase, usage.upcoming(upcoming)) if part]


def _lessons(lessons: Sequence[str]) -> str:
    if not lessons:
        return ""
    rest = f" and {len(lessons) - 1} more" if len(lessons) > 1 else ""
    first = screen.fit(text.plain(lessons[0], 120), most=1, columns=LESSONS_COLUMNS)
    return f"lessons applied ({len(lessons)}): “{text.mrkdwn(first)}”{rest}"


def _files(checkpoint: Checkpoint) -> str:
    """The files that the phase wrote, and what becomes of them."""
    written = [file for file in checkpoint.output.files if file.kept and not file.deleted]
    others = len(checkpoint.output.files) - len(written)
    if not checkpoint.output.files:
        return ""
    names = [
        text.mrkdwn(screen.fit(text.plain(file.path, 120), most=1, columns=FILE_COLUMNS))
        for file in written[:FILES_NAMED]
    ]
    parts = []
    if written:
        more = len(written) - len(names)
        parts.append(f"files: {', '.join(names)}{f' and {more} more' if more else ''}")
    if others:
        parts.append(_other_files(checkpoint.output))
    publishing = _publishing(checkpoint) if written else ""
    return ". ".join(part for part in ("; ".join(parts), publishing) if part)


def _other_files(output: PhaseOutput) -> str:
    deleted = sum(1 for file in output.files if file.deleted)
    not_kept = sum(1 for file in output.files if not file.kept and not file.deleted)
    parts = [
        *([f"{deleted} deleted"] if deleted else []),
        *([f"{not_kept} not kept, as too large or not a plain file"] if not_kept else []),
    ]
    return ", ".join(parts)


def _publishing(checkpoint: Checkpoint) -> str:
    """What will become of the kept files, while that is open."""
    if checkpoint.state is not CheckpointState.PENDING:
        return ""
    if checkpoint.outcomes:
        return "They are put into the project's folder when the flow completes."
    return "Continue puts them into the project's folder."


def revised_because(checkpoint: Checkpoint, means: RevisionMeans) -> str:
    """Who asked for this revision and with which words, or who wrote or chose its text."""
    by = people.person(checkpoint.asked_by) if checkpoint.asked_by else "Somebody"
    words = screen.fit(text.sanitize(checkpoint.asked), most=ASKED_LINES)
    quoted = "\n".join(f"> {text.mrkdwn(line)}" for line in words.split("\n")) if words else ""
    match means:
        case RevisionMeans.EDIT:
            lead = f"{by} edited the text."
        case RevisionMeans.EARLIER:
            lead = f"{by} took up an earlier revision."
        case RevisionMeans.RUN if not words:
            return ""
        case RevisionMeans.RUN if checkpoint.output.revised:
            lead = f"Revised because {by} asked:"
        case _:
            lead = (
                f"Run again after {by} asked for a revision; nothing shows that these words were "
                "used:"
            )
    return f"{lead}\n{quoted}".strip()


def asked_for_by(checkpoint: Checkpoint, execution: Execution) -> str:
    """Mentions the requester, so that a card for a whole channel notifies somebody."""
    if CHANNEL not in checkpoint.rule.approvers:
        return ""
    mentions = people.notified(checkpoint.rule, execution.requester)
    return f"for {' '.join(mentions)}" if mentions else ""


def approvers_and_deadline(checkpoint: Checkpoint, execution: Execution) -> str:
    """Who may decide, until when, and what happens then."""
    rule = checkpoint.rule
    words = deadlines.response_words(checkpoint.kind)
    approvers = people.approvers(rule, execution.requester)
    lines = [f"*May {words.verb}:* {approvers}"]
    if checkpoint.kind is CheckpointKind.QUESTION:
        lines.append("A reply in this thread that mentions me is taken as the answer.")
    if checkpoint.deadline is not None:
        lines.append(f"*Until:* {people.when(checkpoint.deadline)}; then {then(checkpoint)}.")
    return "\n".join(lines)


def then(checkpoint: Checkpoint) -> str:
    """What will happen at the deadline."""
    effect, pause = checkpoint.rule.on_timeout, checkpoint.output.pause
    goes_on = effect in (OnTimeout.CONTINUE, OnTimeout.SKIP)
    if checkpoint.outcomes and goes_on and pause is not None and pause.default_outcome:
        return f"{quoted_outcome(pause.default_outcome)} is chosen"
    return deadlines.timeout_effect(checkpoint.kind, effect)


def written_files(checkpoint: Checkpoint) -> list[str]:
    """The files with their sizes, for the simple form of the card."""
    return files.listed(checkpoint.output.files)
