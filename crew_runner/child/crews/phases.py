"""The names of a crew's tasks, its phases, and the checkpoints of `human_input` tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from crewai import Task

from ..failures import CrewProblem
from ..records import PhaseDefinition

_MAX_DESCRIPTION: Final = 120


def tasks_by_name(tasks: Sequence[Task]) -> dict[str, Task]:
    """The tasks by name. Unnamed tasks are numbered; a number is appended to a repeated name."""
    by_name: dict[str, Task] = {}
    for number, task in enumerate(tasks, start=1):
        name = task.name or f"task_{number}"
        if name in by_name:
            name = f"{name}_{number}"
        task.name = name
        by_name[name] = task
    return by_name


def check_phases(phases: Sequence[PhaseDefinition], tasks: Sequence[str]) -> None:
    """Raises CrewProblem unless the phases name all tasks, in the order of the crew."""
    if not phases:
        return
    named = [name for phase in phases for name in phase.tasks]
    unknown = [name for name in named if name not in tasks]
    if unknown:
        raise CrewProblem(
            "The phases in crews.yml name tasks that the crew does not have: "
            f"{', '.join(unknown)}. It has: {', '.join(tasks)}."
        )
    missing = [name for name in tasks if name not in named]
    if missing:
        raise CrewProblem(
            f"No phase in crews.yml names these tasks of the crew: {', '.join(missing)}. "
            "Add each to a phase."
        )
    if named != list(tasks):
        raise CrewProblem(
            "The phases in crews.yml must name the tasks in the order in which the crew runs "
            f"them: {', '.join(tasks)}."
        )


def split_at_human_input(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task]
) -> tuple[PhaseDefinition, ...]:
    """Split the phases so that each `human_input` task ends one.

    Without phases, every task is one. The last part of a split phase keeps its name; each earlier
    part is named `phase (task)`, after its last task.
    """
    split: list[PhaseDefinition] = []
    for phase in phases or [PhaseDefinition(name, (name,)) for name in tasks]:
        part: list[str] = []
        for name in phase.tasks:
            part.append(name)
            if tasks[name].human_input and name != phase.tasks[-1]:
                split.append(PhaseDefinition(f"{phase.name} ({name})", tuple(part)))
                part = []
        split.append(PhaseDefinition(phase.name, tuple(part)))
    return tuple(split)


def human_input_checkpoints(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task], inputs: Mapping[str, str]
) -> tuple[tuple[str, str, str], ...]:
    """A checkpoint for each `human_input` task: its name, its phase and a description."""
    return tuple(
        (phase.tasks[-1], phase.name, f"Review: {_shortened(tasks[phase.tasks[-1]], inputs)}")
        for phase in phases
        if tasks[phase.tasks[-1]].human_input
    )


def check_human_input(
    phase: PhaseDefinition, tasks: Mapping[str, Task], pauses: Sequence[str]
) -> None:
    """Raises CrewProblem if a `human_input` task has no checkpoint after it."""
    for name in phase.tasks:
        if tasks[name].human_input and (name != phase.tasks[-1] or phase.name not in pauses):
            raise CrewProblem(
                f"Task {name} asks for a person now, which it did not when this execution "
                "started. Start the crew again."
            )


def _shortened(task: Task, inputs: Mapping[str, str]) -> str:
    description = " ".join(task.description.split())
    for name, value in inputs.items():
        description = description.replace(f"{{{name}}}", str(value))
    if len(description) <= _MAX_DESCRIPTION:
        return description
    return description[: _MAX_DESCRIPTION - 1].rstrip() + "…"
