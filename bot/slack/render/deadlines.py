"""Wording for deadlines and for what people are asked to do, by kind of checkpoint. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from storage.definitions import OnTimeout
from storage.records import CheckpointKind, Feedback

_EFFECTS: Final = {
    OnTimeout.STOP: "the run stops",
    OnTimeout.CONTINUE: "the run continues as if approved",
    OnTimeout.SKIP: "the run goes on without approval",
    OnTimeout.FAIL: "the run fails and can be retried",
}
_RESULTS: Final = {
    OnTimeout.STOP: "stopped the run",
    OnTimeout.CONTINUE: "let the run continue as if approved",
    OnTimeout.SKIP: "let the run go on without approval",
    OnTimeout.FAIL: "failed the run; it can be retried",
}
_EFFECTS_BY_KIND: Final = {
    (CheckpointKind.TOOL, OnTimeout.CONTINUE): "the tool is called, although nobody looked",
    (CheckpointKind.TOOL, OnTimeout.SKIP): "the run goes on and the tool is not called",
    (CheckpointKind.QUESTION, OnTimeout.CONTINUE): "the run goes on without an answer",
    (CheckpointKind.QUESTION, OnTimeout.SKIP): "the run goes on without an answer",
    (CheckpointKind.TASK, OnTimeout.CONTINUE): "the answer is accepted, although nobody looked",
    (CheckpointKind.TASK, OnTimeout.SKIP): "the run goes on with this answer, without approval",
    (CheckpointKind.BUDGET, OnTimeout.CONTINUE): "the run goes on over its budget",
    (CheckpointKind.BUDGET, OnTimeout.SKIP): "the run goes on over its budget",
}
_RESULTS_BY_KIND: Final = {
    (CheckpointKind.TOOL, OnTimeout.CONTINUE): "let the tool be called, although nobody looked",
    (CheckpointKind.TOOL, OnTimeout.SKIP): "let the run go on, and the tool was not called",
    (CheckpointKind.QUESTION, OnTimeout.CONTINUE): "let the run go on without an answer",
    (CheckpointKind.QUESTION, OnTimeout.SKIP): "let the run go on without an answer",
    (CheckpointKind.TASK, OnTimeout.CONTINUE): "accepted the answer, although nobody looked",
    (CheckpointKind.TASK, OnTimeout.SKIP): "let the run go on with this answer, without approval",
    (CheckpointKind.BUDGET, OnTimeout.CONTINUE): "let the run go on over its budget",
    (CheckpointKind.BUDGET, OnTimeout.SKIP): "let the run go on over its budget",
}
"""For checkpoints inside a crew, if the general wording would mislead."""


@dataclass(frozen=True, slots=True)
class ResponseWords:
    """What people are asked to do, as verb, past tense and noun."""

    verb: str
    past: str
    noun: str


def response_words(kind: CheckpointKind) -> ResponseWords:
    """What people are asked to do at a checkpoint of this kind."""
    if kind is CheckpointKind.QUESTION:
        return ResponseWords("answer", "answered", "an answer")
    return ResponseWords("decide", "decided", "a decision")


def timeout_effect(kind: CheckpointKind, on_timeout: OnTimeout) -> str:
    """What will happen at the deadline, to follow "then "."""
    return _EFFECTS_BY_KIND.get((kind, on_timeout), _EFFECTS[on_timeout])


def timeout_result(kind: CheckpointKind, feedback: Feedback) -> str:
    """What a deadline that has passed did, to follow "nobody decided in time"."""
    on_timeout = OnTimeout(feedback.action.value)
    return f"; the deadline {_RESULTS_BY_KIND.get((kind, on_timeout), _RESULTS[on_timeout])}"
