"""Where in a run a checkpoint is, and what it asks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from bot.slack.render import text
from storage.boundaries import BadBoundary, resolve
from storage.definitions import CheckpointDefinition
from storage.records import Checkpoint, CheckpointKind, Execution

QUESTION_LIMIT: Final = 150

_DEFAULT_QUESTIONS: Final = {
    CheckpointKind.PHASE: "Review {}",
    CheckpointKind.GATE: "Review {}",
    CheckpointKind.TOOL: "May the tool {} be called?",
    CheckpointKind.QUESTION: "The crew asks for an answer: {}",
    CheckpointKind.TASK: "Review the answer of a task: {}",
    CheckpointKind.BUDGET: "The budget is used up: go on?",
}
"""The question if the crew's definition has none."""


def checkpoints_to_come(execution: Execution) -> tuple[CheckpointDefinition, ...]:
    """The checkpoints that this run stops at, in order."""
    defined = execution.definition.checkpoints
    try:
        ordered = resolve(defined, execution.phases)
    except BadBoundary:
        ordered = tuple(defined)
    return tuple(c for c in ordered if c.name not in execution.left_out)


def location(  # noqa: PLR0911 one for each kind
    checkpoint: Checkpoint, execution: Execution, *, gate_round: int = 1
) -> str:
    """`Checkpoint 1 of 3 · after planning`, or what kind of question arose inside a crew.

    `gate_round` is how many times a flow has reached this gate, this time included.
    """
    phase = text.label(checkpoint.phase)
    match checkpoint.kind:
        case CheckpointKind.PHASE:
            return _boundary(checkpoint, execution)
        case CheckpointKind.GATE if (pause := checkpoint.at_method) is not None:
            return f"Checkpoint · {pause.at} {text.label(pause.gate)}{_revision(checkpoint)}"
        case CheckpointKind.GATE:
            suffix = f" · round {gate_round}" if gate_round > 1 else ""
            return f"Gate {text.label(checkpoint.name)}{suffix}"
        case CheckpointKind.TOOL:
            return f"Tool call · in phase {phase}"
        case CheckpointKind.QUESTION:
            return f"Question · in phase {phase}"
        case CheckpointKind.TASK:
            return f"Task · in phase {phase}"
        case CheckpointKind.BUDGET:
            return f"Budget · in phase {phase}"
        case _:
            assert_never(checkpoint.kind)


def _boundary(checkpoint: Checkpoint, execution: Execution) -> str:
    names = [definition.name for definition in checkpoints_to_come(execution)]
    number = "Checkpoint"
    if checkpoint.name in names:
        number = f"Checkpoint {names.index(checkpoint.name) + 1} of {len(names)}"
    return f"{number} · after {text.label(checkpoint.phase)}{_revision(checkpoint)}"


def _revision(checkpoint: Checkpoint) -> str:
    return f" · revision {checkpoint.revision}" if checkpoint.revision > 1 else ""


def count_rounds(checkpoint: Checkpoint, checkpoints: Iterable[Checkpoint]) -> int:
    """How many times the flow had reached this gate; `checkpoints` are the run's, oldest first."""
    count = 0
    for each in checkpoints:
        count += (each.kind, each.name) == (CheckpointKind.GATE, checkpoint.name)
        if each.id == checkpoint.id:
            break
    return max(1, count)


def long_question(checkpoint: Checkpoint) -> str:
    """The whole question, unescaped, if it does not fit in one line; else an empty string."""
    whole = checkpoint.description.strip()
    return "" if text.plain(whole, QUESTION_LIMIT) == whole else whole


def question(checkpoint: Checkpoint) -> str:
    """The question on one line, unescaped."""
    description = text.plain(checkpoint.description, QUESTION_LIMIT)
    name = text.label(checkpoint.name)
    return description or text.plain(
        _DEFAULT_QUESTIONS[checkpoint.kind].format(name), QUESTION_LIMIT
    )


def next_phase(checkpoint: Checkpoint, execution: Execution) -> str | None:
    """The phase that Continue leads to; None if no task is left."""
    phases = list(execution.phases)
    if checkpoint.phase not in phases:
        return None
    following = phases.index(checkpoint.phase) + 1
    if following == len(phases) - 1 and _only_finishes(execution):
        return None
    return phases[following] if following < len(phases) else None


def _only_finishes(execution: Execution) -> bool:
    """Whether the last phase holds only what follows the approval of the last task."""
    phases = execution.definition.phases
    return len(phases) > 1 and not phases[-1].tasks and bool(phases[-2].tasks)
