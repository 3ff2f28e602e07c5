"""From what a worker claimed to what its child is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crew_runner.child.messages import Job, Phases
from crew_runner.child.records import Budget, CrewKind, PhaseDefinition, PhaseOutput, Resume
from crew_runner.host.translation import translated
from storage import definitions
from storage.boundaries import resolve
from storage.definitions import CrewDefinition
from storage.records import Claim
from storage.usage import total


def job_of(
    claim: Claim, *, model: Mapping[str, str], extra: Mapping[str, str], storage: str
) -> Job:
    """The job of a claimed phase run. `phases` stays empty for a crew that is still to describe."""
    definition, run = claim.execution.definition, claim.run
    return Job(
        kind=CrewKind(definition.kind),
        target=definition.target,
        command=definition.command,
        cwd=definition.cwd,
        env=definition.env,
        phases=_phases(definition.phases) or _one_task_each(claim.execution.phases),
        phase=run.phase,
        first=run.phase_index == 0,
        pauses=_pauses(claim),
        inputs=_inputs(claim),
        done=tuple((phase, translated(PhaseOutput, output)) for phase, output in claim.done),
        previous=None if claim.previous is None else translated(PhaseOutput, claim.previous),
        feedback=run.feedback,
        revise=run.revise_tasks,
        resume=None if claim.resume is None else translated(Resume, claim.resume),
        lessons=claim.lessons,
        model=model,
        extra=extra,
        storage=storage,
        approve_tools=definition.approve_tools,
        budget=translated(Budget, definition.budget),
        spent=total([*claim.spent, run.usage]),
        raises=claim.raises,
        model_calls=definition.limits.model_calls,
    )


def _inputs(claim: Claim) -> dict[str, str]:
    """The request, and the lessons for crews that place them in their own prompts."""
    inputs = claim.execution.request.inputs()
    if claim.execution.definition.lessons:
        inputs["lessons"] = "\n".join(f"- {lesson}" for lesson in claim.lessons)
    return inputs


def check_of(
    definition: CrewDefinition, *, model: Mapping[str, str], extra: Mapping[str, str], storage: str
) -> Job:
    """The job of building a crew and nothing more."""
    return Job(
        kind=CrewKind(definition.kind),
        target=definition.target,
        command=definition.command,
        cwd=definition.cwd,
        env=definition.env,
        phases=_phases(definition.phases),
        model=model,
        extra=extra,
        storage=storage,
        approve_tools=definition.approve_tools,
        only_check=True,
    )


def recorded(claim: Claim) -> Phases:
    """The answer to a crew that described itself, once its phases were written down."""
    phases = _phases(claim.execution.definition.phases)
    return Phases(phases, claim.run.phase, _pauses(claim))


def _pauses(claim: Claim) -> tuple[str, ...]:
    """The phases after which a checkpoint stands, as far as the phases are known."""
    names = claim.execution.phases
    if not names:
        return ()
    standing = resolve(claim.execution.definition.checkpoints, names)
    return tuple(checkpoint.after for checkpoint in standing if checkpoint.after is not None)


def _phases(phases: Sequence[definitions.PhaseDefinition]) -> tuple[PhaseDefinition, ...]:
    return tuple(translated(PhaseDefinition, phase) for phase in phases)


def _one_task_each(names: Sequence[str]) -> tuple[PhaseDefinition, ...]:
    return tuple(PhaseDefinition(name, (name,)) for name in names)
