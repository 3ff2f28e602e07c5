"""States and the transitions between them, as tables. Pure: an illegal transition raises."""

from __future__ import annotations

from enum import StrEnum, auto
from typing import Final, TypeVar


class ExecutionState(StrEnum):
    """The states of an execution. The API uses the same values."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING_FEEDBACK = "waiting_feedback"
    COMPLETED = "completed"
    ERROR = "error"
    CANCELLED = "cancelled"
    STOPPED = "stopped"


class CheckpointState(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    REVISED = "revised"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PhaseRunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExecutionEvent(StrEnum):
    """The events of an execution."""

    CLAIM = auto()
    FAIL = auto()
    RETRY = auto()
    CHECKPOINT = auto()
    FINISH = auto()
    PROCEED = auto()  # continue or skip, and a phase is left
    COMPLETE = auto()  # continue or skip, and none is left
    REVISE = auto()
    STOP = auto()
    EXPIRE = auto()  # a timeout with `on_timeout: fail`
    CANCEL = auto()


class CheckpointEvent(StrEnum):
    CONTINUE = auto()
    REVISE = auto()
    STOP = auto()
    SKIP = auto()
    EXPIRE = auto()
    CANCEL = auto()


class PhaseRunEvent(StrEnum):
    CLAIM = auto()
    GIVE_BACK = auto()
    DONE = auto()
    FAIL = auto()
    CANCEL = auto()


class IllegalTransition(Exception):
    """The table has no row for this state and event."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{type(state).__name__} {state.value!r} does not accept {event.value!r}")
        self.state = state
        self.event = event


_X, _E = ExecutionState, ExecutionEvent

EXECUTION_TRANSITIONS: Final[dict[tuple[ExecutionState, ExecutionEvent], ExecutionState]] = {
    (_X.PENDING, _E.CLAIM): _X.RUNNING,
    (_X.RUNNING, _E.CLAIM): _X.RUNNING,
    (_X.PENDING, _E.FAIL): _X.ERROR,
    (_X.RUNNING, _E.FAIL): _X.ERROR,
    (_X.ERROR, _E.RETRY): _X.RUNNING,
    (_X.RUNNING, _E.CHECKPOINT): _X.WAITING_FEEDBACK,
    (_X.RUNNING, _E.FINISH): _X.COMPLETED,
    (_X.WAITING_FEEDBACK, _E.PROCEED): _X.RUNNING,
    (_X.WAITING_FEEDBACK, _E.CLAIM): _X.RUNNING,  # the asking child died; the next one asks again
    (_X.WAITING_FEEDBACK, _E.COMPLETE): _X.COMPLETED,
    (_X.WAITING_FEEDBACK, _E.REVISE): _X.RUNNING,
    (_X.WAITING_FEEDBACK, _E.STOP): _X.STOPPED,
    (_X.WAITING_FEEDBACK, _E.EXPIRE): _X.ERROR,
    (_X.PENDING, _E.CANCEL): _X.CANCELLED,
    (_X.RUNNING, _E.CANCEL): _X.CANCELLED,
    (_X.WAITING_FEEDBACK, _E.CANCEL): _X.CANCELLED,
    (_X.ERROR, _E.CANCEL): _X.CANCELLED,
}

_C, _F = CheckpointState, CheckpointEvent

CHECKPOINT_TRANSITIONS: Final[dict[tuple[CheckpointState, CheckpointEvent], CheckpointState]] = {
    (_C.PENDING, _F.CONTINUE): _C.APPROVED,
    (_C.PENDING, _F.REVISE): _C.REVISED,
    (_C.PENDING, _F.STOP): _C.REJECTED,
    (_C.PENDING, _F.SKIP): _C.SKIPPED,
    (_C.PENDING, _F.EXPIRE): _C.EXPIRED,
    (_C.PENDING, _F.CANCEL): _C.CANCELLED,
}

_P, _R = PhaseRunState, PhaseRunEvent

PHASE_RUN_TRANSITIONS: Final[dict[tuple[PhaseRunState, PhaseRunEvent], PhaseRunState]] = {
    (_P.QUEUED, _R.CLAIM): _P.RUNNING,
    (_P.RUNNING, _R.CLAIM): _P.RUNNING,  # the lease expired, and another worker claims it
    (_P.RUNNING, _R.GIVE_BACK): _P.QUEUED,
    (_P.RUNNING, _R.DONE): _P.DONE,
    (_P.RUNNING, _R.FAIL): _P.FAILED,
    (_P.QUEUED, _R.CANCEL): _P.CANCELLED,
    (_P.RUNNING, _R.CANCEL): _P.CANCELLED,
}

S = TypeVar("S", bound=StrEnum)
V = TypeVar("V", bound=StrEnum)


def _next(table: dict[tuple[S, V], S], state: S, event: V) -> S:
    try:
        return table[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


def next_execution(state: ExecutionState, event: ExecutionEvent) -> ExecutionState:
    """The state after `event`, or IllegalTransition."""
    return _next(EXECUTION_TRANSITIONS, state, event)


def next_checkpoint(state: CheckpointState, event: CheckpointEvent) -> CheckpointState:
    """The state after `event`, or IllegalTransition."""
    return _next(CHECKPOINT_TRANSITIONS, state, event)


def next_phase_run(state: PhaseRunState, event: PhaseRunEvent) -> PhaseRunState:
    """The state after `event`, or IllegalTransition."""
    return _next(PHASE_RUN_TRANSITIONS, state, event)


ENDED: Final = frozenset({_X.COMPLETED, _X.CANCELLED, _X.STOPPED})
"""Final states. An execution in `error` has not ended: it can be retried."""

ACTIVE: Final = frozenset({_X.PENDING, _X.RUNNING, _X.WAITING_FEEDBACK})

PROCEEDED: Final = frozenset({_C.APPROVED, _C.REVISED, _C.SKIPPED, _C.EXPIRED})
"""The states of a checkpoint whose decision lets the run proceed."""
