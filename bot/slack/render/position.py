"""Where in a run something stands, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from bot.slack.render import text
from storage.boundaries import BadBoundary, resolve
from storage.definitions import CheckpointDefinition
from storage.records import Checkpoint, CheckpointKind, Execution

QUESTION_MOST: Final = 150

_UNSAID: Final = {
    CheckpointKind.PHASE: "Review {}",
    CheckpointKind.GATE: "Review {}",
    CheckpointKind.TOOL: "May the tool {} be called?",
    CheckpointKind.QUESTION: "The crew asks for an answer: {}",
    CheckpointKind.BUDGET: "The budget is used up: go on?",
}
"""What is asked where nobody wrote it down."""


def checkpoints_to_come(execution: Execution) -> tuple[CheckpointDefinition, ...]:
    """The checkpoints that this run stops at, in order."""
    defined = execution.definition.checkpoints
    try:
        ordered = resolve(defined, execution.phases)
    except BadBoundary:
        ordered = tuple(defined)
    return tuple(c for c in ordered if c.name not in execution.left_out)


def standing(checkpoint: Checkpoint, execution: Execution, *, met: int = 1) -> str:
    """Checkpoint 1 of 3 · after planning; of what arises inside a crew, what it is.

    `met` says how many times a flow has come to this gate by now.
    """
    phase = text.label(checkpoint.phase)
    match checkpoint.kind:
        case CheckpointKind.PHASE:
            return _boundary(checkpoint, execution)
        case CheckpointKind.GATE:
            again = f" · round {met}" if met > 1 else ""
            return f"Gate {text.label(checkpoint.name)}{again}"
        case CheckpointKind.TOOL:
            return f"Tool call · in phase {phase}"
        case CheckpointKind.QUESTION:
            return f"Question · in phase {phase}"
        case CheckpointKind.BUDGET:
            return f"Budget · in phase {phase}"
        case _:
            assert_never(checkpoint.kind)


def _boundary(checkpoint: Checkpoint, execution: Execution) -> str:
    names = [definition.name for definition in checkpoints_to_come(execution)]
    counted = "Checkpoint"
    if checkpoint.name in names:
        counted = f"Checkpoint {names.index(checkpoint.name) + 1} of {len(names)}"
    revised = f" · revision {checkpoint.revision}" if checkpoint.revision > 1 else ""
    return f"{counted} · after {text.label(checkpoint.phase)}{revised}"


def times_met(checkpoint: Checkpoint, checkpoints: Iterable[Checkpoint]) -> int:
    """How many times the flow had come to this gate; `checkpoints` are the run's, oldest first."""
    count = 0
    for opened in checkpoints:
        count += (opened.kind, opened.name) == (CheckpointKind.GATE, checkpoint.name)
        if opened.id == checkpoint.id:
            break
    return max(1, count)


def asked_at_length(checkpoint: Checkpoint) -> str:
    """All that is asked, unescaped, where one line does not hold it; else nothing."""
    asked = checkpoint.description.strip()
    return "" if text.plain(asked, QUESTION_MOST) == asked else asked


def question(checkpoint: Checkpoint) -> str:
    """What is asked, on one line, unescaped."""
    asked = text.plain(checkpoint.description, QUESTION_MOST)
    name = text.label(checkpoint.name)
    return asked or text.plain(_UNSAID[checkpoint.kind].format(name), QUESTION_MOST)


def next_phase(checkpoint: Checkpoint, execution: Execution) -> str | None:
    """The phase that Continue leads to; None where the run is complete then."""
    phases = list(execution.phases)
    if checkpoint.phase not in phases:
        return None
    following = phases.index(checkpoint.phase) + 1
    return phases[following] if following < len(phases) else None
