"""What CrewAI's events tell of a run: its progress, and the tokens that each model used."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from crewai import Task
from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_events import LLMCallCompletedEvent
from crewai.events.types.task_events import TaskCompletedEvent, TaskStartedEvent
from crewai.events.types.tool_usage_events import (
    ToolUsageErrorEvent,
    ToolUsageFinishedEvent,
    ToolUsageStartedEvent,
)

from crew_runner.messages import Progress, TaskProgress

_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")


class Listener:
    """A stream sink: called in whichever thread emits an event."""

    def __init__(self, tasks: Sequence[Task], report: Callable[[Progress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._tool = ""
        self._tasks = {
            task.id: TaskProgress(
                task.name or "", task.agent.role.strip() if task.agent else "", "waiting"
            )
            for task in tasks
        }
        self._usage: defaultdict[str, Counter[str]] = defaultdict(Counter)

    @property
    def usage(self) -> Mapping[str, Mapping[str, int]]:
        """Tokens and calls by model."""
        with self._lock:
            return {model: dict(counts) for model, counts in self._usage.items()}

    def __call__(self, source: object, event: BaseEvent) -> None:
        with self._lock:
            if isinstance(event, LLMCallCompletedEvent):
                self._count(event)
                return
            if not self._note(source, event):
                return
            progress = Progress(tuple(self._tasks.values()), self._tool)
        self._report(progress)

    def _note(self, source: object, event: BaseEvent) -> bool:
        """Whether the event changed what is shown."""
        match event:
            case TaskStartedEvent() if isinstance(source, Task):
                return self._set(source, "running")
            case TaskCompletedEvent() if isinstance(source, Task):
                return self._set(source, "done")
            case ToolUsageStartedEvent():
                self._tool = event.tool_name
            case ToolUsageFinishedEvent() | ToolUsageErrorEvent():
                self._tool = ""
            case _:
                return False
        return True

    def _set(self, task: Task, state: str) -> bool:
        shown = self._tasks.get(task.id)
        if shown is None:
            return False
        self._tool = ""
        agent = task.agent.role.strip() if task.agent else shown.agent
        self._tasks[task.id] = TaskProgress(
            shown.task, agent, "done" if state == "done" else "running"
        )
        return True

    def _count(self, event: LLMCallCompletedEvent) -> None:
        counts = self._usage[event.model or "unknown"]
        counts["calls"] += 1
        for name in _TOKENS:
            tokens = (event.usage or {}).get(name)
            if isinstance(tokens, int):
                counts[name] += tokens
