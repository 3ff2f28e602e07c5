"""What use cases measure, for monitoring. Pure: records only, the meter is a port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from storage import usage
from storage.records import Usage


class Measure(StrEnum):
    """What a value measures. The label is the part in brackets, always one of a few fixed words."""

    EXECUTION = "execution"  # [state] it ended or failed; seconds since it was started
    DECISION = "decision"  # [action, or `timeout`] seconds that the checkpoint waited
    PICKUP = "pickup"  # [`decision`, or `other`] seconds a phase run waited for a worker
    PHASE = "phase"  # [`done` or `failed`] seconds that a phase ran
    MODEL_CALLS = "model_calls"
    MODEL_TOKENS = "model_tokens"  # [`prompt` or `completion`]
    SLACK_ERROR = "slack_error"  # [kind of failure]
    STEP = "step"  # [`task`, `model` or `tool`] seconds; a part of a phase, for traces


@dataclass(frozen=True, slots=True)
class Span:
    """What a measurement is in the execution's trace: a part of its life, named for its row `id`.

    `parent` is the id of the row that it belongs to; None: it is the execution itself. `attributes`
    are ids and fixed words, no texts of users or models.
    """

    execution_id: str
    id: str
    name: str
    started_at: datetime
    ended_at: datetime
    parent: str | None = None
    failed: bool = False
    attributes: Mapping[str, str | int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Measurement:
    measure: Measure
    value: float
    label: str = ""
    span: Span | None = None


def timed(measure: Measure, label: str, span: Span) -> Measurement:
    """The duration of a span, in seconds."""
    seconds = max(0.0, (span.ended_at - span.started_at).total_seconds())
    return Measurement(measure, seconds, label, span)


def of_usage(used: Usage) -> Iterator[Measurement]:
    """The model calls and tokens of a phase run."""
    total = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0}
    for counts in usage.total([used]).values():
        for name in total:
            total[name] += counts.get(name, 0)
    yield Measurement(Measure.MODEL_CALLS, total["calls"])
    yield Measurement(Measure.MODEL_TOKENS, total["prompt_tokens"], "prompt")
    yield Measurement(Measure.MODEL_TOKENS, total["completion_tokens"], "completion")
