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

    `steps` have run before; `step` is the one that a checkpoint `after` a method is about.
    `origin_index` is the position of the step that a revision runs again, counting `step` as the
    last one; None if there is none. `shown` is the text that the person sees, and `answers` are
    those of the models so far.
    """

    method: str
    at: str
    shown: str
    state: Any
    attributes: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    step: Step | None = None
    origin_index: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)

    def origin(self, index: int) -> Step:
        step = (*self.steps, self.step)[index]
        if step is None:
            raise changed("what it did before is not known")
        return step

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
