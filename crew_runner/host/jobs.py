"""Builds a child's job from a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from crew_runner.child.messages import Job, Phases
from crew_runner.child.records import (
    Budget,
    CrewInput,
    CrewKind,
    PhaseDefinition,
    PhaseOutput,
    Resume,
)
from crew_runner.child.withheld import Withheld
from crew_runner.host.translation import translate
from storage import definitions
from storage.boundaries import resolve
from storage.definitions import CrewDefinition, Json
from storage.records import Claim
from storage.usage import total

NOTHING_WITHHELD: Final = Withheld()


def job_for(
    claim: Claim,
    *,
    model: Mapping[str, str],
    extra: Mapping[str, str],
    storage: str,
    withheld: Withheld = NOTHING_WITHHELD,
) -> Job:
    """The job of a claimed phase run. `phases` is empty until the crew has described itself."""
    definition, run = claim.execution.definition, claim.run
    return Job(
        kind=CrewKind(definition.kind),
        target=definition.target,
        command=definition.command,
        cwd=definition.cwd,
        env=definition.env,
        project=definition.project,
        origin=definition.project,
        crew_inputs=_crew_inputs(definition),
        phases=_phases(definition.phases) or _single_task_phases(claim.execution.phases),
        phase=run.phase,
        first=run.phase_index == 0,
        pauses=_pauses(claim),
        inputs=_inputs(claim),
        done=tuple((phase, translate(PhaseOutput, output)) for phase, output in claim.done),
        previous=None if claim.previous is None else translate(PhaseOutput, claim.previous),
        feedback=run.feedback,
        revise=run.revise_tasks,
        resume=None if claim.resume is None else translate(Resume, claim.resume),
        lessons=claim.lessons,
        model=model,
        extra=extra,
        storage=storage,
        approve_tools=definition.approve_tools,
        budget=translate(Budget, definition.budget),
        spent=total([*claim.spent, run.usage]),
        raises=claim.raises,
        model_calls=definition.limits.model_calls,
        withheld=withheld,
    )


def _crew_inputs(definition: CrewDefinition) -> tuple[CrewInput, ...]:
    return tuple(translate(CrewInput, each) for each in definition.inputs)


def _inputs(claim: Claim) -> dict[str, Json]:
    """The request, and the lessons for crews that use them in their own prompts."""
    request = claim.execution.request
    inputs = {**request.inputs(), **request.values}
    if claim.execution.definition.lessons:
        inputs["lessons"] = "\n".join(f"- {lesson}" for lesson in claim.lessons)
    return inputs


def check_job(
    definition: CrewDefinition,
    *,
    model: Mapping[str, str],
    extra: Mapping[str, str],
    storage: str,
    withheld: Withheld = NOTHING_WITHHELD,
) -> Job:
    """The job of only building a crew."""
    return Job(
        kind=CrewKind(definition.kind),
        target=definition.target,
        command=definition.command,
        cwd=definition.cwd,
        env=definition.env,
        project=definition.project,
        origin=definition.project,
        crew_inputs=_crew_inputs(definition),
        phases=_phases(definition.phases),
        model=model,
        extra=extra,
        storage=storage,
        approve_tools=definition.approve_tools,
        withheld=withheld,
        only_check=True,
    )


def phases_message(claim: Claim) -> Phases:
    """The reply to a crew's description, after its phases have been stored."""
    phases = _phases(claim.execution.definition.phases)
    return Phases(phases, claim.run.phase, _pauses(claim))


def _pauses(claim: Claim) -> tuple[str, ...]:
    """The phases that end at a checkpoint; none if the phases are not known yet."""
    names = claim.execution.phases
    if not names:
        return ()
    checkpoints = resolve(claim.execution.definition.checkpoints, names)
    return tuple(checkpoint.after for checkpoint in checkpoints if checkpoint.after is not None)


def _phases(phases: Sequence[definitions.PhaseDefinition]) -> tuple[PhaseDefinition, ...]:
    return tuple(translate(PhaseDefinition, phase) for phase in phases)


def _single_task_phases(names: Sequence[str]) -> tuple[PhaseDefinition, ...]:
    return tuple(PhaseDefinition(name, (name,)) for name in names)
