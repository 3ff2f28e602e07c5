"""The names of a crew's tasks, its phases, and the checkpoints of `human_input` tasks."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from crewai import Task

from ..failures import CrewProblem
from ..records import PhaseDefinition

_MAX_DESCRIPTION: Final = 120
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)}")


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


def divide(
    tasks: Mapping[str, Task], *, after: Collection[str], before: Collection[str]
) -> tuple[PhaseDefinition, ...]:
    """Divide the tasks into phases where a person is asked: at the named and `human_input` tasks.

    Each phase is named after its last task.
    """
    names = list(tasks)
    phases: list[PhaseDefinition] = []
    part: list[str] = []
    for name, following in zip(names, [*names[1:], None], strict=True):
        part.append(name)
        if tasks[name].human_input or name in after or following in before or following is None:
            phases.append(PhaseDefinition(name, tuple(part)))
            part = []
    return tuple(phases)


def split_at_human_input(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task]
) -> tuple[PhaseDefinition, ...]:
    """Split the phases of crews.yml so that each `human_input` task ends one.

    The last part of a split phase keeps its name; each earlier part is named `phase (task)`, after
    its last task.
    """
    split: list[PhaseDefinition] = []
    for phase in phases:
        part: list[str] = []
        for name in phase.tasks:
            part.append(name)
            if tasks[name].human_input and name != phase.tasks[-1]:
                split.append(PhaseDefinition(f"{phase.name} ({name})", tuple(part)))
                part = []
        split.append(PhaseDefinition(phase.name, tuple(part)))
    return tuple(split)


def human_input_checkpoints(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task], inputs: Mapping[str, Any]
) -> tuple[tuple[str, str, str], ...]:
    """A checkpoint for each `human_input` task: its name, its phase and a description."""
    return tuple(
        (phase.tasks[-1], phase.name, f"Review: {_shortened(tasks[phase.tasks[-1]], inputs)}")
        for phase in phases
        if phase.tasks and tasks[phase.tasks[-1]].human_input
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


def _shortened(task: Task, inputs: Mapping[str, Any]) -> str:
    description = _PLACEHOLDER.sub(
        lambda match: str(inputs.get(match[1], match[0])), " ".join(task.description.split())
    )
    if len(description) <= _MAX_DESCRIPTION:
        return description
    return description[: _MAX_DESCRIPTION - 1].rstrip() + "…"
