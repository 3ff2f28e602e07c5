"""Fills the inputs of executions that were started before their crew had been examined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from storage.crew_inputs import known_inputs
from storage.definitions import CrewReport
from storage.errors import BadInputs
from storage.inputs import resolve_at_last
from storage.records import Claim, Failure


def resolve_inputs(claim: Claim, report_of: Callable[[Claim], CrewReport | None]) -> Claim:
    """The claim with all inputs of its crew, as of the start of its execution.

    Raises BadInputs before the first phase. Later phases get what the first one got.
    """
    definition, request = claim.execution.definition, claim.execution.request
    if request.resolved or request.values:
        return claim
    report = report_of(claim)
    crew = known_inputs(definition, None if report is None else report.examination)
    try:
        request = resolve_at_last(crew, request, claim.execution.created_at)
    except BadInputs:
        if claim.run.phase_index == 0:
            raise
    return replace(claim, execution=replace(claim.execution, request=request))


def inputs_failure(error: BadInputs) -> Failure:
    """What the requester reads. Running the phase again cannot help."""
    problems = str(error)
    return Failure(
        f"The crew cannot start with these inputs: {problems}. "
        f"Start it again with `/crew {error.definition.name}`, which asks for them.",
        retryable=False,
        retry_helps=False,
    )
