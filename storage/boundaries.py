"""Which checkpoint stands after which phase. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from storage.definitions import CheckpointDefinition


class BadBoundary(Exception):
    """A checkpoint names a phase that does not fit. The message says which and why."""


def resolve(
    checkpoints: Sequence[CheckpointDefinition], phases: Sequence[str]
) -> tuple[CheckpointDefinition, ...]:
    """Each checkpoint as `after:` a phase, in the order of the phases.

    `before: B` becomes `after:` the phase before B. Raises BadBoundary for an unknown phase,
    for `before:` the first phase and for two checkpoints at one boundary.
    """
    taken: dict[int, CheckpointDefinition] = {}
    for checkpoint in checkpoints:
        index = _after(checkpoint, phases)
        if index in taken:
            raise BadBoundary(
                f"checkpoints {taken[index].name!r} and {checkpoint.name!r} both stand after "
                f"phase {phases[index]!r}: one boundary takes one checkpoint"
            )
        taken[index] = replace(checkpoint, after=phases[index], before=None)
    return tuple(taken[index] for index in sorted(taken))


def _after(checkpoint: CheckpointDefinition, phases: Sequence[str]) -> int:
    named = checkpoint.after or checkpoint.before or ""
    if named not in phases:
        raise BadBoundary(
            f"checkpoint {checkpoint.name!r} names phase {named!r}, which is not one of: "
            + ", ".join(phases)
        )
    index = list(phases).index(named)
    if checkpoint.after is not None:
        return index
    if index == 0:
        raise BadBoundary(
            f"checkpoint {checkpoint.name!r} stands before the first phase {named!r}: "
            "there is nothing to show yet"
        )
    return index - 1


def checkpoint_after(
    checkpoints: Sequence[CheckpointDefinition], phases: Sequence[str], index: int
) -> CheckpointDefinition | None:
    """The checkpoint that stands after phase number `index` (from 0), or None."""
    for checkpoint in resolve(checkpoints, phases):
        if checkpoint.after == phases[index]:
            return checkpoint
    return None
