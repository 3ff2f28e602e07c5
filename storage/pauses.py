"""Where a crew asks a person, and who is asked there. Pure."""

from __future__ import annotations

from typing import Final

from storage.definitions import CheckpointDefinition, CrewDefinition, CrewReport, Examination

QUESTION: Final = "whenever it asks a question"

_QUESTIONS: Final = "question"
"""The name under which crews.yml has the rule for a flow's questions."""

ASKS_NOBODY: Final = "asks nobody: add a checkpoint to its entry in crews.yml"


def place_of(checkpoint: CheckpointDefinition) -> str:
    """The place of a checkpoint at a boundary, as `Examination.pauses` names it."""
    return f"before {checkpoint.before}" if checkpoint.before else f"after {checkpoint.after}"


def gate(method: str) -> str:
    return f"at the gate {method}"


def tool(name: str) -> str:
    return f"before each call of {name}"


def asks_nobody(report: CrewReport) -> bool:
    """Whether a crew that can be built runs to its end without asking. False if unknown."""
    known = report.problem is None and report.examination != Examination()
    return known and bool(report.phases) and not report.examination.pauses


def who_is_asked(
    definition: CrewDefinition, examination: Examination
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each place at which the crew asks, with those who may decide there."""
    rules = {place_of(each): each.rule for each in definition.checkpoints}
    for each in definition.gates:
        rules |= {gate(each.name): each.rule, tool(each.name): each.rule}
        if each.name == _QUESTIONS:
            rules[QUESTION] = each.rule
    default = definition.rule.approvers if definition.rule else ()
    return tuple(
        (place, rules[place].approvers if place in rules else default)
        for place in examination.pauses
    )
