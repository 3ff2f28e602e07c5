"""Where in a run something stands, in words. Pure."""

from __future__ import annotations

from bot.slack.render import text
from storage.boundaries import BadBoundary, resolve
from storage.records import Checkpoint, CheckpointDefinition, Execution


def checkpoints_to_come(execution: Execution) -> tuple[CheckpointDefinition, ...]:
    """The checkpoints that this run stops at, in order."""
    defined = execution.definition.checkpoints
    try:
        ordered = resolve(defined, execution.phases)
    except BadBoundary:
        ordered = tuple(defined)
    return tuple(c for c in ordered if c.name not in execution.left_out)


def standing(checkpoint: Checkpoint, execution: Execution) -> str:
    """Checkpoint 1 of 3 · after planning"""
    names = [definition.name for definition in checkpoints_to_come(execution)]
    counted = "Checkpoint"
    if checkpoint.name in names:
        counted = f"Checkpoint {names.index(checkpoint.name) + 1} of {len(names)}"
    revised = f" · revision {checkpoint.revision}" if checkpoint.revision > 1 else ""
    return f"{counted} · after {text.label(checkpoint.phase)}{revised}"


def question(checkpoint: Checkpoint) -> str:
    """What is asked, on one line, unescaped."""
    asked = text.plain(checkpoint.description, 150)
    return asked or text.plain(f"Review {text.label(checkpoint.name)}", 150)


def next_phase(checkpoint: Checkpoint, execution: Execution) -> str | None:
    """The phase that Continue leads to; None where the run is complete then."""
    phases = list(execution.phases)
    if checkpoint.phase not in phases:
        return None
    following = phases.index(checkpoint.phase) + 1
    return phases[following] if following < len(phases) else None
