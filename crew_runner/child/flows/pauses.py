"""A flow that waits at a checkpoint of crews.yml, as it is stored in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from ..failures import CrewProblem

_CHANGED: Final = (
    "The flow has changed since it paused: {what}. Restore its code, or start the crew again."
)


def changed(what: str) -> CrewProblem:
    return CrewProblem(_CHANGED.format(what=what))


@dataclass(frozen=True, slots=True)
class Step:
    """A method that has run: its encoded result, or the message of an error that CrewAI caught.

    `before` is the state when it started, kept for methods that may run again. `alone`: no other
    method ran at the same time. `asked` is False while the checkpoint after it waits for another.
    """

    method: str
    output: Any = None
    error: str | None = None
    before: Any = None
    alone: bool = True
    asked: bool = True


@dataclass(frozen=True, slots=True)
class MethodPause:
    """Where a flow waits, and what it needs to go on. `at` is empty at a gate of the flow's own.

    `steps` have run, in the order in which they ended; `step` is the one that a checkpoint `after`
    a method is about, and belongs at `position`. `origin_index` is the step that a revision
    `before` a method runs again, if it can. `shown` is the text that the person sees, and `answers`
    are those of the models so far.
    """

    method: str
    at: str
    shown: str
    state: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    step: Step | None = None
    position: int = 0
    origin_index: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> Step | None:
        """The step that a revision runs again; None if there is none."""
        if self.at == "after":
            return self.step
        return None if self.origin_index is None else self.steps[self.origin_index]

    def dump(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def load(cls, saved: Mapping[str, Any]) -> MethodPause:
        step = saved["step"]
        return cls(
            **{
                **saved,
                "steps": tuple(Step(**each) for each in saved["steps"]),
                "step": None if step is None else Step(**step),
            }
        )
