"""What a child reports of its tasks, model calls and tools, as parts of the execution's trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from crew_runner.child.messages import Step
from storage.measurements import Measure, Measurement, Span, timed
from storage.records import Claim

_NAME_LENGTH: Final = 80
_EARLIEST: Final = 0.0
_LATEST: Final = 4e9


def measured_steps(claim: Claim, steps: Iterable[Step]) -> Sequence[Measurement]:
    """The child's clock is this machine's. Steps with impossible times are left out: a crew's code
    could have sent them.
    """
    return [_measured(claim, step) for step in steps if _is_possible(step)]


def _is_possible(step: Step) -> bool:
    return _EARLIEST <= step.started <= step.ended <= _LATEST


def _measured(claim: Claim, step: Step) -> Measurement:
    name = " ".join(step.name.split())[:_NAME_LENGTH]
    span = Span(
        claim.execution.id,
        f"{claim.run.id}:{step.kind}:{name}:{step.started}",
        f"{step.kind} {name}".strip(),
        started_at=datetime.fromtimestamp(step.started, UTC),
        ended_at=datetime.fromtimestamp(step.ended, UTC),
        parent=claim.run.id,
        failed=step.failed,
        attributes={step.kind: name},
    )
    return timed(Measure.STEP, step.kind, span)
