"""Derives a run's progress and its usage by model from CrewAI's events."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from crewai import Flow, Task
from crewai.events.base_events import BaseEvent
from crewai.events.event_bus import crewai_event_bus
from crewai.events.types.flow_events import (
    MethodExecutionFinishedEvent,
    MethodExecutionStartedEvent,
)
from crewai.events.types.llm_events import LLMCallCompletedEvent
from crewai.events.types.task_events import TaskCompletedEvent, TaskStartedEvent
from crewai.events.types.tool_usage_events import (
    ToolUsageErrorEvent,
    ToolUsageFinishedEvent,
    ToolUsageStartedEvent,
)

from ..messages import Progress, TaskProgress
from ..older_crewai import MethodExecutionPausedEvent
from .steps import StepTimer
from .usage_counter import UsageCounter

_MAX_NAME_LENGTH: Final = 80
_FLUSH_SECONDS: Final = 5.0
"""How long CrewAI's bus may take to deliver its pending events."""

State: TypeAlias = Literal["waiting", "running", "done"]


class Listener:
    """A stream sink, called in the thread that emits an event.

    `_entries` is the progress in order, by task id or method name.
    """

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._report_lock = threading.Lock()
        self._tool = ""
        self._entries: dict[UUID | str, TaskProgress] = {}
        self._usage_counter = UsageCounter()
        self._steps = StepTimer(_name)
        # Stream sinks do not receive calls in threads that the crew's code starts.
        crewai_event_bus.on(LLMCallCompletedEvent)(self._on_model_call)

    @property
    def usage(self) -> Mapping[str, Mapping[str, int]]:
        """The usage by model so far."""
        crewai_event_bus.flush(timeout=_FLUSH_SECONDS)
        with self._lock:
            return self._usage_counter.by_model()

    def __call__(self, source: object, event: BaseEvent) -> None:
        with self._lock:
            self._steps.note(source, event)
            if isinstance(event, LLMCallCompletedEvent):
                changed = self._usage_counter.add(source, event)
            else:
                changed = self._update(source, event)
        if changed:
            self._send_progress()

    def _on_model_call(self, source: object, event: LLMCallCompletedEvent) -> None:
        self(source, event)

    def _send_progress(self) -> None:
        """Send the progress, one report at a time, so that an old one never follows a new one."""
        with self._report_lock:
            with self._lock:
                usage = self._usage_counter.by_model()
                steps = self._steps.take()
                progress = Progress(tuple(self._entries.values()), self._tool, usage, steps)
            self._report(progress)

    def _update(self, source: object, event: BaseEvent) -> bool:
        """Update the progress; returns whether the event changed it."""
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

    def _set(self, task: Task, state: State) -> bool:
        if not self._is_shown(task):
            return False
        self._tool = ""
        entry = self._entries.get(task.id)
        role = _role(task) or (entry.agent if entry else "")
        self._entries[task.id] = TaskProgress(entry.task if entry else _name(task), role, state)
        return True

    def _is_shown(self, task: Task) -> bool:
        return task.id in self._entries


class TaskListener(Listener):
    """Reports these tasks, including those that have not started."""

    def __init__(self, tasks: Sequence[Task], report: Callable[[Progress], None]) -> None:
        super().__init__(report)
        self._entries = {
            task.id: TaskProgress(_name(task), _role(task), "waiting") for task in tasks
        }


class FlowListener(Listener):
    """Reports the methods of a flow as they start, and the tasks of their crews."""

    def __init__(self, flow: Flow[Any], report: Callable[[Progress], None]) -> None:
        super().__init__(report)
        self._flow = flow
        self._running: Counter[str] = Counter()
        self._muted = False
        self.last = ""
        """The method that finished last."""

    def mute(self) -> None:
        """Show no methods while a flow repeats what it has done."""
        with self._lock:
            self._muted = True

    def unmute(self) -> None:
        with self._lock:
            self._muted = False
            for name in [name for name, times in self._running.items() if times > 0]:
                self._set_method(name, "running")
        self._send_progress()

    @property
    def running(self) -> frozenset[str]:
        """The methods that have started and not finished."""
        with self._lock:
            return frozenset(name for name, times in self._running.items() if times > 0)

    def _update(self, source: object, event: BaseEvent) -> bool:
        if source is not self._flow:
            return super()._update(source, event)
        match event:
            case MethodExecutionStartedEvent():
                self._running[event.method_name] += 1
                self._set_method(event.method_name, "running")
            case MethodExecutionFinishedEvent() | MethodExecutionPausedEvent():
                self._running[event.method_name] -= 1
                self.last = event.method_name
                self._set_method(event.method_name, "done")
            case _:
                return False
        return True

    def _set_method(self, method: str, state: State) -> None:
        if self._muted:
            return
        self._entries[method] = TaskProgress(method, "", state)

    def _is_shown(self, task: Task) -> bool:
        del task
        return True


def _name(task: Task) -> str:
    return task.name or " ".join(task.description.split())[:_MAX_NAME_LENGTH]


def _role(task: Task) -> str:
    return task.agent.role.strip() if task.agent else ""
