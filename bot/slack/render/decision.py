"""What became of a checkpoint, in words. Pure."""

from __future__ import annotations

from typing import Final

from bot.slack.render import deadlines, people, text
from storage.definitions import OnTimeout
from storage.records import HELD, Checkpoint, CheckpointKind, Feedback
from storage.states import CheckpointState

WORDS_LIMIT: Final = 800
_OUTCOME_SHOWN: Final = 150

_LINES: Final = {
    CheckpointState.PENDING: "Waiting for a decision",
    CheckpointState.APPROVED: ":white_check_mark: Continued by {by}",
    CheckpointState.REVISED: ":pencil2: Revision asked for by {by}",
    CheckpointState.REJECTED: ":octagonal_sign: Stopped by {by}",
    CheckpointState.SKIPPED: ":fast_forward: Skipped by {by}: the run goes on without approval",
    CheckpointState.CANCELLED: ":no_entry_sign: No longer to be decided: the run was cancelled",
    CheckpointState.EXPIRED: ":hourglass: Nobody decided in time",
}

_OWN_LINES: Final = {
    (CheckpointKind.TOOL, CheckpointState.APPROVED): (
        ":white_check_mark: Continued by {by}: the tool is called"
    ),
    (CheckpointKind.TOOL, CheckpointState.REVISED): (
        ":no_entry: Refused by {by}: the tool is not called"
    ),
    (CheckpointKind.TOOL, CheckpointState.SKIPPED): (
        ":fast_forward: Skipped by {by}: the tool is not called"
    ),
    (CheckpointKind.QUESTION, CheckpointState.APPROVED): ":speech_balloon: Answered by {by}",
    (CheckpointKind.QUESTION, CheckpointState.REVISED): ":speech_balloon: Answered by {by}",
    (CheckpointKind.QUESTION, CheckpointState.SKIPPED): (
        ":fast_forward: Skipped by {by}: the crew goes on without an answer"
    ),
    (CheckpointKind.BUDGET, CheckpointState.APPROVED): (
        ":white_check_mark: Continued by {by}: the run goes on"
    ),
}
"""Of what arises inside a crew, where the general words would mislead."""

_DIED: Final = ":no_entry_sign: No longer to be decided: the work that asked has ended"


def outcome(checkpoint: Checkpoint) -> str:
    """Who decided what and when, with the words that came with it."""
    line = outcome_line(checkpoint)
    feedback = checkpoint.feedback
    if feedback is None:
        return line
    line = f"{line} · {people.when(feedback.at)}"
    if feedback.tasks:
        line += "\nTo be revised: " + ", ".join(text.label(task) for task in feedback.tasks)
    if feedback.text:
        line += "\n" + text.quote(feedback.text, WORDS_LIMIT)
    return line


def outcome_line(checkpoint: Checkpoint) -> str:
    """Who decided what."""
    feedback, state = checkpoint.feedback, checkpoint.state
    if feedback is None:
        died = state is CheckpointState.CANCELLED and checkpoint.kind in HELD
        return _DIED if died else _LINES[state].format(by="somebody")
    by = people.person(feedback.actor)
    if state is CheckpointState.EXPIRED:
        return _nobody(checkpoint.kind) + _deadline_did(checkpoint.kind, feedback)
    if feedback.outcome is None or state is CheckpointState.REVISED:
        return _OWN_LINES.get((checkpoint.kind, state), _LINES[state]).format(by=by)
    sign = ":fast_forward:" if state is CheckpointState.SKIPPED else ":white_check_mark:"
    return f"{sign} {chosen(feedback.outcome)} chosen by {by}"


def chosen(outcome_name: str) -> str:
    """An outcome in the crew's own words, set off from ours."""
    return f"“{text.line(outcome_name, _OUTCOME_SHOWN)}”"


def _nobody(kind: CheckpointKind) -> str:
    return f":hourglass: Nobody {deadlines.wanted(kind).done} in time"


def _deadline_did(kind: CheckpointKind, feedback: Feedback) -> str:
    goes_on = feedback.action.value in (OnTimeout.CONTINUE, OnTimeout.SKIP)
    if feedback.outcome is not None and goes_on:
        return f"; the deadline chose {chosen(feedback.outcome)}"
    return deadlines.did(kind, feedback)
