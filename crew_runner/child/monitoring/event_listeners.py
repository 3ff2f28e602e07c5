"""What CrewAI's events tell of a run: its progress, and the tokens that each model used."""

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
    MethodExecutionPausedEvent,
    MethodExecutionStartedEvent,
)
from crewai.events.types.llm_events import LLMCallCompletedEvent
from crewai.events.types.task_events import TaskCompletedEvent, TaskStartedEvent
from crewai.events.types.tool_usage_events import (
    ToolUsageErrorEvent,
    ToolUsageFinishedEvent,
    ToolUsageStartedEvent,
)

from crew_runner.child.messages import Progress, TaskProgress
from crew_runner.child.monitoring.usage_counter import UsageCounter

_LONGEST_NAME: Final = 80
_HEARD_WITHIN: Final = 5.0
"""Seconds that CrewAI's bus may take to hand on what it still holds."""

State: TypeAlias = Literal["waiting", "running", "done"]


class Listener:
    """A stream sink: called in whichever thread emits an event. Its lock is held while it notes.

    `_shown` is what the progress lists, in order, by the id of a task or the name of a method.
    """

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._tool = ""
        self._shown: dict[UUID | str, TaskProgress] = {}
        self._tally = UsageCounter()
        # Stream sinks do not hear of calls in threads that the author's code starts.
        crewai_event_bus.on(LLMCallCompletedEvent)(self._overhear)

    @property
    def usage(self) -> Mapping[str, Mapping[str, int]]:
        """What each model was asked for so far."""
        crewai_event_bus.flush(timeout=_HEARD_WITHIN)
        with self._lock:
            return self._tally.by_model()

    def __call__(self, source: object, event: BaseEvent) -> None:
        with self._lock:
            if isinstance(event, LLMCallCompletedEvent):
                changed = self._tally.add(source, event)
            else:
                changed = self._note(source, event)
        if changed:
            self._tell()

    def _overhear(self, source: object, event: LLMCallCompletedEvent) -> None:
        self(source, event)

    def _tell(self) -> None:
        """One after another, so that an older state never comes after a newer one."""
        with self._telling:
            with self._lock:
                usage = self._tally.by_model()
                progress = Progress(tuple(self._shown.values()), self._tool, usage)
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

    def _set(self, task: Task, state: State) -> bool:
        if not self._is_shown(task):
            return False
        self._tool = ""
        shown = self._shown.get(task.id)
        role = _role(task) or (shown.agent if shown else "")
        self._shown[task.id] = TaskProgress(shown.task if shown else _name(task), role, state)
        return True

    def _is_shown(self, task: Task) -> bool:
        return task.id in self._shown


class TaskListener(Listener):
    """Shows these tasks, those that are still to run as well."""

    def __init__(self, tasks: Sequence[Task], report: Callable[[Progress], None]) -> None:
        super().__init__(report)
        self._shown = {task.id: TaskProgress(_name(task), _role(task), "waiting") for task in tasks}


class FlowListener(Listener):
    """Shows the methods of a flow as they come, and the tasks of the crews that they start."""

    def __init__(self, flow: Flow[Any], report: Callable[[Progress], None]) -> None:
        super().__init__(report)
        self._flow = flow
        self._running: Counter[str] = Counter()
        self.last = ""
        """The method that ended last."""

    @property
    def running(self) -> frozenset[str]:
        """The methods that have begun and not ended."""
        with self._lock:
            return frozenset(name for name, times in self._running.items() if times > 0)

    def _note(self, source: object, event: BaseEvent) -> bool:
        if source is not self._flow:
            return super()._note(source, event)
        match event:
            case MethodExecutionStartedEvent():
                self._running[event.method_name] += 1
                self._show(event.method_name, "running")
            case MethodExecutionFinishedEvent() | MethodExecutionPausedEvent():
                self._running[event.method_name] -= 1
                self.last = event.method_name
                self._show(event.method_name, "done")
            case _:
                return False
        return True

    def _show(self, method: str, state: State) -> None:
        self._shown[method] = TaskProgress(method, "", state)

    def _is_shown(self, task: Task) -> bool:
        del task
        return True


def _name(task: Task) -> str:
    return task.name or " ".join(task.description.split())[:_LONGEST_NAME]


def _role(task: Task) -> str:
    return task.agent.role.strip() if task.agent else ""
