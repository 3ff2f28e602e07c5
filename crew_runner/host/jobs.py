"""Builds a child's job from a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, TypedDict

from crew_runner.child.messages import QUESTION_CHECKPOINT, Job, Phases
from crew_runner.child.monitoring.budgets import BUDGET_CHECKPOINT
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
from crew_runner.projects.discovery import target_of
from storage import definitions, forms
from storage.boundaries import resolve
from storage.definitions import CheckpointDefinition, CrewDefinition, Json
from storage.records import Claim
from storage.usage import total

NOTHING_WITHHELD: Final = Withheld()


def job_for(
    claim: Claim,
    *,
    model: Mapping[str, str],
    extra: Mapping[str, str],
    storage: str,
    copy: Path | None = None,
    withheld: Withheld = NOTHING_WITHHELD,
) -> Job:
    """The job of a claimed phase run. `phases` is empty until the crew has described itself.

    `copy` is the working copy of the crew's project, if it has one.
    """
    definition, run = claim.execution.definition, claim.run
    return Job(
        kind=CrewKind(definition.kind),
        target=target_of(definition),
        command=definition.command,
        cwd=_cwd(definition, copy),
        env=definition.env,
        project=definition.project if copy is None else str(copy),
        origin=definition.project,
        crew_inputs=_crew_inputs(definition),
        phases=_phases(definition.phases) or _single_task_phases(claim.execution.phases),
        phase=run.phase,
        first=run.phase_index == 0,
        pauses=_pauses(claim),
        inputs=_inputs(claim),
        form_values=_form_values(claim),
        gates_after=_methods(definition, "after", claim.execution.left_out),
        gates_before=_methods(definition, "before", claim.execution.left_out),
        **_cuts(definition),
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


def _methods(
    definition: CrewDefinition, at: Literal["after", "before"], left_out: Sequence[str] = ()
) -> tuple[str, ...]:
    """The methods of a flow that have a checkpoint which was not left out at the start.

    `gate:` names a method as well, or a pause that the crew's own code makes.
    """
    own_pauses = {*definition.approve_tools, QUESTION_CHECKPOINT, BUDGET_CHECKPOINT}
    return tuple(
        method
        for gate in (*definition.checkpoints, *definition.gates)
        if gate.name not in left_out
        and (method := gate.before if at == "before" else _after(gate))
        and method not in own_pauses
    )


def _after(gate: CheckpointDefinition) -> str | None:
    return gate.after or (gate.name if gate.before is None else None)


class _Cuts(TypedDict):
    cut_after: tuple[str, ...]
    cut_before: tuple[str, ...]


def _cuts(definition: CrewDefinition) -> _Cuts:
    """The tasks at which crews.yml asks a person."""
    return {
        "cut_after": tuple(c.after for c in definition.checkpoints if c.after is not None),
        "cut_before": tuple(c.before for c in definition.checkpoints if c.before is not None),
    }


def _crew_inputs(definition: CrewDefinition) -> tuple[CrewInput, ...]:
    return tuple(translate(CrewInput, each) for each in definition.inputs)


def _inputs(claim: Claim) -> dict[str, Json]:
    """The request, what reviewers filled in, and the lessons for crews that name them in prompts.

    A reviewer's value is newer than the requester's under the same name, so it counts.
    """
    request, definition = claim.execution.request, claim.execution.definition
    inputs = {**forms.blank_inputs(definition), **request.inputs(), **_form_values(claim)}
    if definition.kind is definitions.CrewKind.COMMAND:
        inputs = {**request.general_inputs(), **inputs}
    if definition.lessons:
        inputs["lessons"] = "\n".join(f"- {lesson}" for lesson in claim.lessons)
    return inputs


def _form_values(claim: Claim) -> dict[str, Json]:
    return forms.as_inputs(claim.execution.definition, claim.form_values)


def _cwd(definition: CrewDefinition, copy: Path | None) -> str | None:
    """The directory of a program; one in the project is the same one in its copy."""
    if definition.cwd is None or definition.project is None or copy is None:
        return definition.cwd
    cwd, project = Path(definition.cwd), Path(definition.project)
    return str(copy / cwd.relative_to(project)) if cwd.is_relative_to(project) else str(cwd)


def check_job(
    definition: CrewDefinition,
    *,
    model: Mapping[str, str],
    extra: Mapping[str, str],
    storage: str,
    copy: Path | None = None,
    withheld: Withheld = NOTHING_WITHHELD,
) -> Job:
    """The job of only building a crew."""
    return Job(
        kind=CrewKind(definition.kind),
        target=target_of(definition),
        command=definition.command,
        cwd=_cwd(definition, copy),
        env=definition.env,
        project=definition.project if copy is None else str(copy),
        origin=definition.project,
        crew_inputs=_crew_inputs(definition),
        phases=_phases(definition.phases),
        gates_after=_methods(definition, "after"),
        gates_before=_methods(definition, "before"),
        **_cuts(definition),
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
