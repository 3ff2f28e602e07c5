"""How a checkpoint was decided, as text. Pure."""

from __future__ import annotations

from typing import Final

from bot.slack.render import deadlines, people, text
from storage.definitions import OnTimeout
from storage.records import HELD, Checkpoint, CheckpointKind, Feedback, RevisionMeans
from storage.states import CheckpointState

FEEDBACK_LIMIT: Final = 800
_OUTCOME_LIMIT: Final = 150

_LINES: Final = {
    CheckpointState.PENDING: "Waiting for a decision",
    CheckpointState.APPROVED: ":white_check_mark: Continued by {by}",
    CheckpointState.REVISED: ":pencil2: Revision requested by {by}",
    CheckpointState.REJECTED: ":octagonal_sign: Stopped by {by}",
    CheckpointState.SKIPPED: ":fast_forward: Skipped by {by}: the run goes on without approval",
    CheckpointState.CANCELLED: ":no_entry_sign: No longer needs a decision: the run was cancelled",
    CheckpointState.EXPIRED: ":hourglass: Nobody decided in time",
}

_LINES_BY_KIND: Final = {
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
    (CheckpointKind.TASK, CheckpointState.APPROVED): (
        ":white_check_mark: Continued by {by}: the answer is accepted"
    ),
    (CheckpointKind.TASK, CheckpointState.SKIPPED): (
        ":fast_forward: Skipped by {by}: the run goes on with this answer, without approval"
    ),
    (CheckpointKind.BUDGET, CheckpointState.APPROVED): (
        ":white_check_mark: Continued by {by}: the run goes on"
    ),
}
"""For checkpoints inside a crew, if the general wording would mislead."""

_MEANS: Final = {
    RevisionMeans.EDIT: ":pencil2: Edited by {by}",
    RevisionMeans.EARLIER: ":leftwards_arrow_with_hook: An earlier revision taken up by {by}",
}

_ASKER_GONE: Final = ":no_entry_sign: No longer needs a decision: the work that asked has ended"


def decision(checkpoint: Checkpoint) -> str:
    """Who decided what and when, with the text of the feedback."""
    line = decision_line(checkpoint)
    feedback = checkpoint.feedback
    if feedback is None:
        return line
    line = f"{line} · {people.when(feedback.at)}"
    if feedback.tasks and {*feedback.tasks} != {task.task for task in checkpoint.output.tasks}:
        line += "\nTo be revised: " + ", ".join(text.label(task) for task in feedback.tasks)
    if feedback.text:
        line += "\n" + text.quote(feedback.text, FEEDBACK_LIMIT)
    return line


def decision_line(checkpoint: Checkpoint) -> str:
    """Who decided what, on one line."""
    feedback, state = checkpoint.feedback, checkpoint.state
    if feedback is None:
        asker_gone = state is CheckpointState.CANCELLED and checkpoint.kind in HELD
        return _ASKER_GONE if asker_gone else _LINES[state].format(by="somebody")
    by = people.person(feedback.actor)
    if state is CheckpointState.EXPIRED:
        return _nobody_in_time(checkpoint.kind) + _deadline_result(checkpoint.kind, feedback)
    if state is CheckpointState.REVISED and feedback.means in _MEANS:
        return _MEANS[feedback.means].format(by=by)
    if feedback.outcome is None or state is CheckpointState.REVISED:
        return _LINES_BY_KIND.get((checkpoint.kind, state), _LINES[state]).format(by=by)
    sign = ":fast_forward:" if state is CheckpointState.SKIPPED else ":white_check_mark:"
    return f"{sign} {quoted_outcome(feedback.outcome)} chosen by {by}"


def quoted_outcome(outcome_name: str) -> str:
    """An outcome in quotation marks: its name is the crew's own."""
    return f"“{text.line(outcome_name, _OUTCOME_LIMIT)}”"


def _nobody_in_time(kind: CheckpointKind) -> str:
    return f":hourglass: Nobody {deadlines.response_words(kind).past} in time"


def _deadline_result(kind: CheckpointKind, feedback: Feedback) -> str:
    goes_on = feedback.action.value in (OnTimeout.CONTINUE, OnTimeout.SKIP)
    if feedback.outcome is not None and goes_on:
        return f"; the deadline chose {quoted_outcome(feedback.outcome)}"
    return deadlines.timeout_result(kind, feedback)
