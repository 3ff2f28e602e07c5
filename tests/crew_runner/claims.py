"""A claimed phase run, as a worker gets it."""

from __future__ import annotations

from datetime import timedelta

from storage.definitions import CrewDefinition
from storage.records import Claim, Execution, PhaseRun
from storage.states import ExecutionState, PhaseRunState
from tests.support.factories import ANA, NOON, asking, crew


def a_claim(
    definition: CrewDefinition | None = None,
    *,
    phase: int = 0,
    phases: tuple[str, ...] | None = None,
) -> Claim:
    """Of a crew's phase with this number; `phases` are those of the execution, where they differ
    from the definition's.
    """
    definition = definition or crew()
    names = tuple(each.name for each in definition.phases) if phases is None else phases
    run = PhaseRun(
        id="run1",
        execution_id="1a2b3c4d",
        phase=names[phase] if names else "",
        phase_index=phase,
        attempt=1,
        revision=1,
        state=PhaseRunState.RUNNING,
        fence=1,
        created_at=NOON,
    )
    execution = Execution(
        id="1a2b3c4d",
        crew=definition.name,
        definition=definition,
        state=ExecutionState.RUNNING,
        version=1,
        request=asking(),
        requester=ANA,
        created_at=NOON,
        updated_at=NOON,
        phases=names,
    )
    return Claim(
        run=run,
        execution=execution,
        done=(),
        previous=None,
        owner="worker",
        fence=1,
        lease_until=NOON + timedelta(seconds=30),
    )
