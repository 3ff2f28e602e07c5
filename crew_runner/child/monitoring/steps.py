"""Times the tasks, model calls and tools of a phase, from CrewAI's events, for its trace."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from crewai import Task
from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_events import (
    LLMCallCompletedEvent,
    LLMCallFailedEvent,
    LLMCallStartedEvent,
)
from crewai.events.types.task_events import TaskCompletedEvent, TaskFailedEvent, TaskStartedEvent
from crewai.events.types.tool_usage_events import (
    ToolUsageErrorEvent,
    ToolUsageFinishedEvent,
    ToolUsageStartedEvent,
)

from ..messages import Step

_MOST: Final = 1_000
"""Steps that are kept until the next report, if a crew does more than it reports."""


Kind: TypeAlias = Literal["task", "model", "tool"]


class StepTimer:
    """Protected by the listener's lock. An event that comes twice is timed once."""

    def __init__(self, name_of_task: Callable[[Task], str]) -> None:
        self._name_of_task = name_of_task
        self._started: dict[tuple[str, object], float] = {}
        self._ended: list[Step] = []

    def take(self) -> tuple[Step, ...]:
        """The steps that have ended since the last call."""
        ended = tuple(self._ended)
        self._ended.clear()
        return ended

    def note(self, source: object, event: BaseEvent) -> None:
        match event:
            case TaskStartedEvent() if isinstance(source, Task):
                self._start("task", id(source))
            case TaskCompletedEvent() | TaskFailedEvent() if isinstance(source, Task):
                failed = isinstance(event, TaskFailedEvent)
                self._end("task", id(source), self._name_of_task(source), failed=failed)
            case LLMCallStartedEvent():
                self._start("model", _call(source, event))
            case LLMCallCompletedEvent() | LLMCallFailedEvent():
                failed = isinstance(event, LLMCallFailedEvent)
                self._end("model", _call(source, event), event.model or "", failed=failed)
            case ToolUsageStartedEvent():
                self._start("tool", event.tool_name)
            case ToolUsageFinishedEvent() | ToolUsageErrorEvent():
                failed = isinstance(event, ToolUsageErrorEvent)
                self._end("tool", event.tool_name, event.tool_name, failed=failed)

    def _start(self, kind: str, key: object) -> None:
        self._started.setdefault((kind, key), time.time())

    def _end(self, kind: Kind, key: object, name: str, *, failed: bool) -> None:
        started = self._started.pop((kind, key), None)
        if started is not None and len(self._ended) < _MOST:
            self._ended.append(Step(kind, name, started, time.time(), failed))


def _call(source: object, event: BaseEvent) -> object:
    """What a call's events have in common; older versions of CrewAI have only the model."""
    return getattr(event, "call_id", None) or id(source)
