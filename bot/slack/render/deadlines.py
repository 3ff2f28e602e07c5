"""What waits and what its deadline does, in words, by kind. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.definitions import OnTimeout
from storage.records import CheckpointKind, Feedback

_WILL: Final = {
    OnTimeout.STOP: "the run stops",
    OnTimeout.CONTINUE: "the run continues as if approved",
    OnTimeout.SKIP: "the run goes on without approval",
    OnTimeout.FAIL: "the run fails and can be retried",
}
_DID: Final = {
    OnTimeout.STOP: "stopped the run",
    OnTimeout.CONTINUE: "let the run continue as if approved",
    OnTimeout.SKIP: "let the run go on without approval",
    OnTimeout.FAIL: "failed the run; it can be retried",
}
_WILL_OF: Final = {
    (CheckpointKind.TOOL, OnTimeout.CONTINUE): "the tool is called, although nobody looked",
    (CheckpointKind.TOOL, OnTimeout.SKIP): "the run goes on and the tool is not called",
    (CheckpointKind.QUESTION, OnTimeout.CONTINUE): "the run goes on without an answer",
    (CheckpointKind.QUESTION, OnTimeout.SKIP): "the run goes on without an answer",
    (CheckpointKind.BUDGET, OnTimeout.CONTINUE): "the run goes on over its budget",
    (CheckpointKind.BUDGET, OnTimeout.SKIP): "the run goes on over its budget",
}
_DID_OF: Final = {
    (CheckpointKind.TOOL, OnTimeout.CONTINUE): "let the tool be called, although nobody looked",
    (CheckpointKind.TOOL, OnTimeout.SKIP): "let the run go on, and the tool was not called",
    (CheckpointKind.QUESTION, OnTimeout.CONTINUE): "let the run go on without an answer",
    (CheckpointKind.QUESTION, OnTimeout.SKIP): "let the run go on without an answer",
    (CheckpointKind.BUDGET, OnTimeout.CONTINUE): "let the run go on over its budget",
    (CheckpointKind.BUDGET, OnTimeout.SKIP): "let the run go on over its budget",
}
"""Of what arises inside a crew, where the general words would mislead."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of people, as verb, past tense and noun."""

    do: str
    done: str
    thing: str


def wanted(kind: CheckpointKind) -> Wanted:
    """What people do with a checkpoint of this kind."""
    if kind is CheckpointKind.QUESTION:
        return Wanted("answer", "answered", "an answer")
    return Wanted("decide", "decided", "a decision")


def will(kind: CheckpointKind, on_timeout: OnTimeout) -> str:
    """What the deadline will do, after "then "."""
    return _WILL_OF.get((kind, on_timeout), _WILL[on_timeout])


def did(kind: CheckpointKind, feedback: Feedback) -> str:
    """As a continuation of "nobody decided in time", for what a timeout decided."""
    done = OnTimeout(feedback.action.value)
    return f"; the deadline {_DID_OF.get((kind, done), _DID[done])}"
