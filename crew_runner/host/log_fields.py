"""What the log says of a phase: facts of ours, never a text of the crew's."""

from __future__ import annotations

from crew_runner.host.child_supervisor import Interrupted, Outcome
from storage.records import Claim


def facts_of(claim: Claim) -> dict[str, object]:
    run = claim.run
    return {
        "execution": claim.execution.id,
        "crew": claim.execution.crew,
        "phase": run.phase,
        "attempt": run.attempt,
        "revision": run.revision,
    }


def name_of(outcome: Outcome) -> str:
    return outcome.name.lower() if isinstance(outcome, Interrupted) else type(outcome).__name__
