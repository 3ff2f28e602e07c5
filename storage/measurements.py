"""What use cases measure, for monitoring. Pure: records only, the meter is a port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Measurement:
    measure: Measure
    value: float
    label: str = ""


def of_usage(used: Usage) -> Iterator[Measurement]:
    """The model calls and tokens of a phase run."""
    total = {"calls": 0, "prompt_tokens": 0, "completion_tokens": 0}
    for counts in usage.total([used]).values():
        for name in total:
            total[name] += counts.get(name, 0)
    yield Measurement(Measure.MODEL_CALLS, total["calls"])
    yield Measurement(Measure.MODEL_TOKENS, total["prompt_tokens"], "prompt")
    yield Measurement(Measure.MODEL_TOKENS, total["completion_tokens"], "completion")
