"""The names of a crew's tasks, its phases, and where its tasks ask for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from crewai import Task

from crew_runner.child.failures import CrewProblem
from crew_runner.child.records import PhaseDefinition

_LONGEST_DESCRIPTION: Final = 120


def named(tasks: Sequence[Task]) -> dict[str, Task]:
    """The tasks by name. One without a name gets its number; a name used twice gets a number."""
    by_name: dict[str, Task] = {}
    for number, task in enumerate(tasks, start=1):
        name = task.name or f"task_{number}"
        if name in by_name:
            name = f"{name}_{number}"
        task.name = name
        by_name[name] = task
    return by_name


def check_phases(phases: Sequence[PhaseDefinition], tasks: Sequence[str]) -> None:
    """Raises CrewProblem unless the phases hold all the tasks, in the order of the crew."""
    if not phases:
        return
    wanted = [name for phase in phases for name in phase.tasks]
    unknown = [name for name in wanted if name not in tasks]
    if unknown:
        raise CrewProblem(
            "The phases in crews.yml name tasks that the crew does not have: "
            f"{', '.join(unknown)}. It has: {', '.join(tasks)}."
        )
    missing = [name for name in tasks if name not in wanted]
    if missing:
        raise CrewProblem(
            f"No phase in crews.yml names these tasks of the crew: {', '.join(missing)}."
        )
    if wanted != list(tasks):
        raise CrewProblem(
            "The phases in crews.yml have to name the tasks in the order in which the crew runs "
            f"them: {', '.join(tasks)}."
        )


def cut_where_people_speak(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task]
) -> tuple[PhaseDefinition, ...]:
    """The phases, none of which goes on after a task with `human_input`.

    Without any, every task is a phase. The last part of a phase that is cut keeps its name; each
    part before it is called `phase (task)`, after the task that ends it.
    """
    cut: list[PhaseDefinition] = []
    for phase in phases or [PhaseDefinition(name, (name,)) for name in tasks]:
        part: list[str] = []
        for name in phase.tasks:
            part.append(name)
            if tasks[name].human_input and name != phase.tasks[-1]:
                cut.append(PhaseDefinition(f"{phase.name} ({name})", tuple(part)))
                part = []
        cut.append(PhaseDefinition(phase.name, tuple(part)))
    return tuple(cut)


def asked_for(
    phases: Sequence[PhaseDefinition], tasks: Mapping[str, Task], inputs: Mapping[str, str]
) -> tuple[tuple[str, str, str], ...]:
    """A checkpoint for each task with `human_input`: its name, the phase it ends, what to do."""
    return tuple(
        (phase.tasks[-1], phase.name, f"Review: {_shortened(tasks[phase.tasks[-1]], inputs)}")
        for phase in phases
        if tasks[phase.tasks[-1]].human_input
    )


def check_people_are_heard(
    phase: PhaseDefinition, tasks: Mapping[str, Task], pauses: Sequence[str]
) -> None:
    """Raises CrewProblem where a task with `human_input` would be passed over."""
    for name in phase.tasks:
        if tasks[name].human_input and (name != phase.tasks[-1] or phase.name not in pauses):
            raise CrewProblem(
                f"Task {name} asks for a person now, which it did not when this execution "
                "started. Start a new one."
            )


def _shortened(task: Task, inputs: Mapping[str, str]) -> str:
    description = " ".join(task.description.split())
    for name, value in inputs.items():
        description = description.replace(f"{{{name}}}", value)
    if len(description) <= _LONGEST_DESCRIPTION:
        return description
    return description[: _LONGEST_DESCRIPTION - 1].rstrip() + "…"
