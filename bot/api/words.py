"""What the use cases refuse, as a status code and words for a client."""

from __future__ import annotations

from typing import Final

from storage.errors import (
    AlreadyDecided,
    AmbiguousExecution,
    Busy,
    CountersignError,
    LeavingOutNotAllowed,
    NotAllowed,
    OutdatedMessage,
    TextNeeded,
    UnknownCheckpoint,
    UnknownCheckpointName,
    UnknownExecution,
    UnknownTasks,
    WrongState,
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
    UnknownTasks: 400,
    TextNeeded: 400,
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

_REFUSED: Final = {
    Refusal.NOT_AN_APPROVER: "you are not among those who may decide it",
    Refusal.IS_THE_REQUESTER: "whoever asked for the run may not decide it",
    Refusal.GUEST: "guests may not decide it",
    Refusal.UNKNOWN: "it could not be found out whether you may decide it",
    Refusal.NEITHER_REQUESTER_NOR_APPROVER: "only the requester and those who may decide may",
}


def status_code(error: CountersignError) -> int:
    return STATUS_OF.get(type(error), 500)


def detail(error: CountersignError) -> str:
    """The refusal in words."""
    match error:
        case AlreadyDecided(checkpoint=checkpoint):
            return _already_decided(checkpoint)
        case NotAllowed(refusal=refusal):
            return f"not allowed: {_REFUSED[refusal]}"
        case LeavingOutNotAllowed(checkpoint=name, refusal=refusal):
            return f"checkpoint {name!r} may not be left out: {_REFUSED[refusal]}"
        case TextNeeded():
            return "revise needs feedback: say what should change"
        case Busy():
            return "the database is busy and nothing was changed: try again"
        case _:
            return str(error)


def _already_decided(checkpoint: Checkpoint) -> str:
    said = f"checkpoint {checkpoint.name!r} was already {_VERB[checkpoint.state]}"
    feedback = checkpoint.feedback
    if feedback is None or feedback.actor.kind is ActorKind.TIMEOUT:
        return said
    return f"{said} by {feedback.actor.name or feedback.actor.id}"
