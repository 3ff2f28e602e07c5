"""The status code and the `detail` of every refusal."""

from __future__ import annotations

from typing import Final, assert_never

from storage.crew_inputs import THE_REQUEST
from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    BadForm,
    BadInputs,
    BlankEdit,
    Busy,
    CountersignError,
    InputFault,
    InputProblem,
    LeavingOutNotAllowed,
    LimitReached,
    NoLesson,
    NoRule,
    NotAllowed,
    NotDead,
    NothingChanged,
    NotOffered,
    OutcomeNeeded,
    OutdatedMessage,
    TextNeeded,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownDelivery,
    UnknownExecution,
    UnknownLesson,
    UnknownRevision,
    UnknownTasks,
    WrongState,
    WrongStructure,
)
from storage.policy import Refusal
from storage.records import ActorKind, Checkpoint
from storage.states import CheckpointState

STATUS_OF: Final[dict[type[CountersignError], int]] = {
    UnknownExecution: 404,
    UnknownCheckpoint: 404,
    AmbiguousExecution: 404,
    AlreadyDecided: 409,
    OutdatedMessage: 409,
    WrongState: 409,
    NotAllowed: 403,
    LeavingOutNotAllowed: 403,
    UnknownCheckpointName: 400,
    BadInputs: 400,
    UnknownTasks: 400,
    TextNeeded: 400,
    BadForm: 400,
    WrongStructure: 400,
    UnknownRevision: 400,
    NothingChanged: 409,
    OutcomeNeeded: 400,
    NotOffered: 400,
    UnknownLesson: 404,
    UnknownDelivery: 404,
    NotDead: 409,
    NoLesson: 409,
    NoRule: 409,
    LimitReached: 429,
    Busy: 503,
}

_VERB: Final = {
    CheckpointState.APPROVED: "continued",
    CheckpointState.REVISED: "sent back for a revision",
    CheckpointState.REJECTED: "stopped",
    CheckpointState.SKIPPED: "skipped",
    CheckpointState.EXPIRED: "ended by its timeout",
    CheckpointState.CANCELLED: "cancelled with its run",
}

_REASONS: Final = {
    Refusal.NOT_AN_APPROVER: "you are not among those who may decide it",
    Refusal.IS_THE_REQUESTER: "the one who asked for the run may not decide it",
    Refusal.GUEST: "guests may not decide it",
    Refusal.NO_GROUPS: "the rule names a user group, which the Slack plan does not offer",
    Refusal.UNKNOWN: "it could not be found out whether you may decide it",
    Refusal.NEITHER_REQUESTER_NOR_APPROVER: "only the requester and those who may decide may",
}


_REVISIONS: Final = "revisions"
_OUTPUT_BYTES: Final = "output_bytes"
_LASTING_LIMITS: Final = {_REVISIONS: 409, _OUTPUT_BYTES: 400}
"""Limits that do not pass with time, so they are no 429."""

_LIMITS: Final = {
    "at_once": "crew {crew!r} may run {most} at once, and so many are under way: try again later",
    "per_person": "{most} of crew {crew!r} at once for each client: wait until one has ended",
    "starts_per_hour": "crew {crew!r} may be started {most}x an hour: try again later",
    _OUTPUT_BYTES: "crew {crew!r} limits the outputs of a phase to {most} bytes",
    _REVISIONS: "crew {crew!r} limits the revisions of a phase to {most}: continue, skip or stop",
}


def status_code(error: CountersignError) -> int:
    if isinstance(error, LimitReached) and error.limit in _LASTING_LIMITS:
        return _LASTING_LIMITS[error.limit]
    return next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), 500)


def detail(error: CountersignError) -> str:  # noqa: PLR0911 an arm for each
    """The reason for the refusal, for the client."""
    match error:
        case AlreadyDecided(checkpoint=checkpoint):
            return _already_decided(checkpoint)
        case NotAllowed(refusal=refusal):
            return f"not allowed: {_REASONS[refusal]}"
        case LeavingOutNotAllowed(checkpoint=name, refusal=refusal):
            return f"checkpoint {name!r} may not be left out: {_REASONS[refusal]}"
        case BadInputs(problems=problems):
            return "; ".join(_input_problem(problem) for problem in problems)
        case BlankEdit() | BadForm() | NothingChanged() | WrongStructure() | UnknownRevision():
            return _bad_content(error)
        case TextNeeded():
            return "feedback is needed: say what should change, or the answer"
        case NotOffered(checkpoint=checkpoint, offered=actions):
            allowed = ", ".join(action.value for action in actions)
            return f"this is a {checkpoint.kind.value}: action must be one of {allowed}"
        case OutcomeNeeded(checkpoint=checkpoint, named=named):
            allowed = ", ".join(repr(name) for name in checkpoint.outcomes)
            wrong = "" if named is None else f", not {named!r}"
            return f"outcome must be one of {allowed}{wrong}"
        case LimitReached(limit=limit) if limit in _LIMITS:
            return _LIMITS[limit].format(crew=error.crew, most=error.most)
        case Busy():
            return "the database is busy and nothing was changed: try again"
        case _:
            return str(error)


def _bad_content(
    error: BlankEdit | BadForm | NothingChanged | WrongStructure | UnknownRevision,
) -> str:
    """What is wrong with an edit, or with the values of a form."""
    match error:
        case BlankEdit():
            return "edited: a text is blank"
        case BadForm(errors=errors):
            return "; ".join(f"values.{name}: {_lower(text)}" for name, text in errors.items())
        case NothingChanged():
            return "the output has this text already"
        case WrongStructure(task=task, sentence=sentence):
            return f"edited.{task}: {sentence}"
        case UnknownRevision(revision=revision, checkpoint=checkpoint):
            return f"there is no revision {revision} before revision {checkpoint.revision}"
        case _:
            assert_never(error)


def _lower(sentence: str) -> str:
    return f"{sentence[:1].lower()}{sentence[1:].removesuffix('.')}"


def _input_problem(problem: InputProblem) -> str:
    if problem.fault is InputFault.MISSING and problem.name in THE_REQUEST:
        return "one of message and user_input is needed"
    return f"inputs: {problem.sentence}"


def _already_decided(checkpoint: Checkpoint) -> str:
    feedback = checkpoint.feedback
    detail = f"checkpoint {checkpoint.name!r} was already {_VERB[checkpoint.state]}"
    if feedback is not None and feedback.outcome is not None:
        detail += f" with outcome {feedback.outcome!r}"
    if feedback is None or feedback.actor.kind is ActorKind.TIMEOUT:
        return detail
    return f"{detail} by {feedback.actor.name or feedback.actor.id}"
