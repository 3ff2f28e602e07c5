"""What remains of an execution's texts without the words of one person. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from storage.records import (
    Actor,
    ActorKind,
    PhaseOutput,
    Request,
    RevisionMeans,
    TaskResult,
)

ERASED_TEXT: Final = "[erased]"

ERASED: Final = Actor(ActorKind.SYSTEM, "erased", "erased")
"""Who stands in the place of a person."""

_PEOPLE: Final = frozenset({ActorKind.SLACK, ActorKind.API})


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision that a person made on the revision `revision` of a phase."""

    text: str
    means: RevisionMeans | None
    phase_index: int
    revision: int


Place: TypeAlias = tuple[int, int]
"""A phase run's phase, by index, and its revision."""


def is_by(actor: Actor | None, person: str) -> bool:
    return actor is not None and actor.kind in _PEOPLE and actor.id == person


def edited_at(decisions: Sequence[Decided]) -> frozenset[Place]:
    """Return the places of the outputs that the person edited."""
    return frozenset(
        (each.phase_index, each.revision + 1)
        for each in decisions
        if each.means is RevisionMeans.EDIT
    )


def edited_texts(output: PhaseOutput) -> frozenset[str]:
    """Return the texts of an output that a person edited. Without tasks, that is all of it."""
    texts = {task.output for task in output.tasks if task.edited}
    if not output.tasks or output.output in texts or output.output != output.tasks[-1].output:
        texts.add(output.output)
    return frozenset(texts)


def request_without_words(request: Request) -> Request:
    return Request(user_input=ERASED_TEXT, message=ERASED_TEXT, resolved=request.resolved)


def text_without(text: str, words: Collection[str]) -> str:
    """Replace the words, of which the longest go first, as they may contain others."""
    for each in sorted(words, key=len, reverse=True):
        text = text.replace(each, ERASED_TEXT)
    return text


def output_without(output: PhaseOutput, edited: Collection[str]) -> PhaseOutput:
    """Return an output without these texts that somebody edited.

    The runner's own state goes, too: it contains conversations, in which reviewers' words are. It
    is not needed once an execution has ended.
    """
    pause = None if output.pause is None else replace(output.pause, saved={})
    return replace(
        output,
        output=ERASED_TEXT if output.output in edited else output.output,
        tasks=tuple(_task_without(task, edited) for task in output.tasks),
        inputs=None,
        pause=pause,
    )


def _task_without(task: TaskResult, edited: Collection[str]) -> TaskResult:
    if task.output not in edited:
        return replace(task, saved={})
    structured = ERASED_TEXT if task.structured else ""
    return replace(task, output=ERASED_TEXT, structured=structured, saved={})


def without_person(value: Any, names: Collection[str]) -> Any:
    """Return a JSON value in which these ids and names, alone or mentioned, are replaced."""
    if isinstance(value, Mapping):
        return {key: without_person(each, names) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_person(each, names) for each in value]
    if not isinstance(value, str):
        return value
    return ERASED.id if value in names else text_without(value, [f"<@{one}>" for one in names])
