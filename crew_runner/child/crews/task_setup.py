"""Sets up the tasks of one phase so that each runs as it would in the whole crew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from crewai import Agent, Crew, Process, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput


def was_skipped(task: Task, output: TaskOutput) -> bool:
    """Whether the task's condition was not met; CrewAI then leaves an empty output."""
    return isinstance(task, ConditionalTask) and not output.raw


def use_previous_output(tasks: Sequence[Task]) -> None:
    """Evaluate each condition on the previous task in the crew, even if that does not run now."""
    for before, task in pairwise(tasks):
        if isinstance(task, ConditionalTask) and task.condition is not None:
            task.condition = _evaluated_on(before, task.condition)


def _evaluated_on(before: Task, condition: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def evaluate(output: TaskOutput) -> Any:
        if before.output is not None:
            return condition(before.output)
        if isinstance(before, ConditionalTask):
            return condition(before.get_skipped_task_output())
        return condition(output)

    return evaluate


def separate_shared_agents(crew: Crew) -> None:
    """Make sure that no two concurrent tasks share an agent, which CrewAI confuses or rejects.

    The second task gets a copy of its agent. It runs after the first instead if agents delegate,
    if a manager runs all tasks, or at the end of a phase, because CrewAI allows a crew only one
    asynchronous task at its end. Its context stays the same.
    """
    for before, concurrent, at_end in _concurrent_tasks(crew.tasks):
        busy: list[Agent] = []
        for task in concurrent:
            agent = task.agent
            if at_end or crew.process is Process.hierarchical or _delegates(agent):
                if task is not concurrent[0]:
                    _run_after(task, before)
            elif isinstance(agent, Agent):
                if any(agent is other for other in busy):
                    task.agent = agent.model_copy(update={"agent_executor": None})
                busy.append(agent)


def _concurrent_tasks(tasks: Sequence[Task]) -> Iterator[tuple[Task | None, list[Task], bool]]:
    """The last synchronous task before each group of concurrent tasks, the group, and whether it
    is at the end."""
    before: Task | None = None
    concurrent: list[Task] = []
    for task in tasks:
        if task.output is None and task.async_execution:
            concurrent.append(task)
            continue
        if concurrent:
            yield before, concurrent, False
            concurrent = []
        if not task.async_execution:
            before = task
    if concurrent:
        yield before, concurrent, True


def _delegates(agent: object) -> bool:
    return bool(getattr(agent, "allow_delegation", False))


def _run_after(task: Task, before: Task | None) -> None:
    task.async_execution = False
    if task.context is not None and not isinstance(task.context, list):
        task.context = [] if before is None else [before]
