"""What CrewAI does after a person's yes to a `human_input` task, held until the yes.

CrewAI asks the person within the task. The task's `callback`, the crew's `task_callback` and the
task's `output_file` come after the answer. Here the task's phase ends with the question, so these
three are held back and run at the start of the next phase.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from crewai import Crew, Task
from crewai.tasks.task_output import TaskOutput

from ..crewai_internals import hold_output_file, write_output_file

TaskCallback: TypeAlias = Callable[[TaskOutput], Any]


def has_follow_ups(crew: Crew, task: Task) -> bool:
    """Whether anything follows the yes to this task."""
    return bool(task.callback or crew.task_callback or task.output_file)


def hold(crew: Crew, task: Task) -> None:
    """Keep `kickoff` from running what follows the yes to this task."""
    of_crew = crew.task_callback
    if of_crew is not None:
        for_others = _except_for(task, of_crew)
        crew.task_callback = for_others
        for other in crew.tasks:
            if other.callback == of_crew:  # CrewAI compares them and calls only one
                other.callback = for_others
    task.callback = _nothing
    hold_output_file(task)


def run_held(
    crew: Crew,
    task: Task,
    output: TaskOutput,
    *,
    output_file: str | None,
    is_done: Callable[[str], bool],
    remember: Callable[[str], None],
) -> None:
    """Run what follows the yes, in CrewAI's order, except for steps that are done.

    `output_file` is its name with the inputs filled in. `remember` stores that a step is done.
    """
    task.output_file = output_file
    for step, run in _steps(crew, task):
        key = f"follow_up:{task.name}:{step}"
        if not is_done(key):
            run(output)
            remember(key)


def _steps(crew: Crew, task: Task) -> Iterator[tuple[str, TaskCallback]]:
    if task.callback is not None:
        yield "callback", _awaited(task.callback)
    if crew.task_callback is not None and crew.task_callback != task.callback:
        yield "task_callback", _awaited(crew.task_callback)
    if task.output_file:
        yield "output_file", lambda output: write_output_file(task, output)


def _awaited(callback: TaskCallback) -> TaskCallback:
    def call(output: TaskOutput) -> None:
        result = callback(output)
        if inspect.iscoroutine(result):
            asyncio.run(result)

    return call


def _except_for(task: Task, callback: TaskCallback) -> TaskCallback:
    def call(output: TaskOutput) -> Any:
        return None if output is task.output else callback(output)

    return call


def _nothing(_output: TaskOutput) -> None:
    """The callback of a held task, so that CrewAI does not set the crew's."""
