"""The log fields of a phase. They never contain text from the crew."""

from __future__ import annotations

from crew_runner.host.child_supervisor import Interrupted, Outcome
from storage.records import Claim


def claim_fields(claim: Claim) -> dict[str, object]:
    run = claim.run
    return {
        "execution": claim.execution.id,
        "crew": claim.execution.crew,
        "phase": run.phase,
        "attempt": run.attempt,
        "revision": run.revision,
    }


def outcome_name(outcome: Outcome) -> str:
    return outcome.name.lower() if isinstance(outcome, Interrupted) else type(outcome).__name__
