"""Which checkpoint comes after which phase. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.definitions import CheckpointDefinition, CrewDefinition, PhaseDefinition
from storage.records import Pause


class BadBoundary(Exception):
    """A checkpoint names a phase that it cannot be at. The message says which and why."""


def resolve(
    checkpoints: Sequence[CheckpointDefinition], phases: Sequence[str]
) -> tuple[CheckpointDefinition, ...]:
    """Return each checkpoint as `after:` a phase, in the order of the phases.

    `before: B` becomes `after:` the phase before B. Raises BadBoundary for an unknown phase,
    for `before:` the first phase, and for two checkpoints at one boundary.
    """
    by_index: dict[int, CheckpointDefinition] = {}
    for checkpoint in checkpoints:
        index = _after(checkpoint, phases)
        if index in by_index:
            raise BadBoundary(
                f"checkpoints {by_index[index].name!r} and {checkpoint.name!r} are both after "
                f"phase {phases[index]!r}: one boundary takes one checkpoint"
            )
        by_index[index] = replace(checkpoint, after=phases[index], before=None)
    return tuple(by_index[index] for index in sorted(by_index))


def resolve_tasks(
    checkpoints: Sequence[CheckpointDefinition], phases: Sequence[PhaseDefinition]
) -> tuple[CheckpointDefinition, ...]:
    """Return the same as `resolve` for checkpoints that name tasks instead of phases.

    Each task that is named must begin or end a phase: a crew whose phases crews.yml does not name
    is cut at these tasks. Raises BadBoundary.
    """
    tasks = [task for phase in phases for task in phase.tasks]
    if not tasks:
        return resolve(checkpoints, [phase.name for phase in phases])
    after_tasks = resolve(checkpoints, tasks)
    phase_of = {phase.tasks[-1]: phase.name for phase in phases if phase.tasks}
    for checkpoint in after_tasks:
        if checkpoint.after not in phase_of:
            raise BadBoundary(
                f"checkpoint {checkpoint.name!r} is after task {checkpoint.after!r}, "
                "in the middle of a phase"
            )
    return tuple(
        replace(checkpoint, after=phase_of[checkpoint.after or ""]) for checkpoint in after_tasks
    )


def _after(checkpoint: CheckpointDefinition, phases: Sequence[str]) -> int:
    phase = checkpoint.after or checkpoint.before or ""
    if phase not in phases:
        raise BadBoundary(
            f"checkpoint {checkpoint.name!r} names phase {phase!r}, which is not one of: "
            + ", ".join(phases)
        )
    index = list(phases).index(phase)
    if checkpoint.after is not None:
        return index
    if index == 0:
        raise BadBoundary(
            f"checkpoint {checkpoint.name!r} is before the first phase {phase!r}: "
            "there is nothing to show yet"
        )
    return index - 1


def checkpoint_after(
    checkpoints: Sequence[CheckpointDefinition], phases: Sequence[str], index: int
) -> CheckpointDefinition | None:
    """Return the checkpoint after phase number `index` (from 0), or None."""
    for checkpoint in resolve(checkpoints, phases):
        if checkpoint.after == phases[index]:
            return checkpoint
    return None


# --- flows -----------------------------------------------------------------------------------


def at_methods(definition: CrewDefinition, methods: Sequence[str]) -> CrewDefinition:
    """Return the definition of a flow: its checkpoints are gates at methods, not at phases.

    Raises BadBoundary for an unknown method, and for two checkpoints at one boundary.
    """
    names: dict[tuple[str, str], str] = {}
    for gate in (*definition.checkpoints, *definition.gates):
        method, at = _method(gate, methods)
        if method is None:
            continue
        if method not in methods:
            raise BadBoundary(
                f"checkpoint {gate.name!r} names method {method!r}, which the flow does not have; "
                f"its methods are: {', '.join(methods)}"
            )
        other = names.setdefault((method, at), gate.name)
        if other != gate.name:
            raise BadBoundary(
                f"checkpoints {other!r} and {gate.name!r} are both {at} method {method!r}: "
                "one boundary takes one checkpoint"
            )
    return replace(definition, checkpoints=(), gates=(*definition.checkpoints, *definition.gates))


def _method(gate: CheckpointDefinition, methods: Sequence[str]) -> tuple[str | None, str]:
    """The method that a checkpoint is at and its side of it; None for a pause of the crew's own."""
    if gate.before is not None:
        return gate.before, "before"
    if gate.after is not None:
        return gate.after, "after"
    return (gate.name if gate.name in methods else None), "after"


def name_at_method(definition: CrewDefinition, pause: Pause) -> str:
    """Return the name of the checkpoint of crews.yml at which a flow paused, else its gate's."""
    for gate in definition.gates:
        if pause.at and pause.gate == getattr(gate, pause.at):
            return gate.name
    return pause.gate
