"""How the tasks of one phase are set up, so that each runs as it would in the whole crew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from crewai import Agent, Crew, Process, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput


def was_not_run(task: Task, output: TaskOutput) -> bool:
    """Whether a condition passed over the task: CrewAI leaves an empty output then."""
    return isinstance(task, ConditionalTask) and not output.raw


def use_previous_output(tasks: Sequence[Task]) -> None:
    """Let each condition look at the task before it in the crew, whether or not it runs now."""
    for before, task in pairwise(tasks):
        if isinstance(task, ConditionalTask) and task.condition is not None:
            task.condition = _judged_by(before, task.condition)


def _judged_by(before: Task, condition: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def judged(seen: TaskOutput) -> Any:
        if before.output is not None:
            return condition(before.output)
        if isinstance(before, ConditionalTask):
            return condition(before.get_skipped_task_output())
        return condition(seen)

    return judged


def separate_shared_agents(crew: Crew) -> None:
    """Let no two tasks that run at the same time use one agent: CrewAI mixes them up or fails.

    The second gets a copy of its agent. It comes after the first instead where agents hand work
    to each other, where a manager does it all, and at the end of a phase, for CrewAI wants a crew
    to end with one asynchronous task at the most. It is told no more than it would have been.
    """
    for before, together, ends in _at_once(crew.tasks):
        busy: list[Agent] = []
        for task in together:
            agent = task.agent
            if ends or crew.process is Process.hierarchical or _delegates(agent):
                if task is not together[0]:
                    _run_after(task, before)
            elif isinstance(agent, Agent):
                if any(agent is other for other in busy):
                    task.agent = agent.model_copy(update={"agent_executor": None})
                busy.append(agent)


def _at_once(tasks: Sequence[Task]) -> Iterator[tuple[Task | None, list[Task], bool]]:
    """The tasks that run at the same time, the last before them that is waited for, and whether
    they are the end."""
    before: Task | None = None
    together: list[Task] = []
    for task in tasks:
        if task.output is None and task.async_execution:
            together.append(task)
            continue
        if together:
            yield before, together, False
            together = []
        if not task.async_execution:
            before = task
    if together:
        yield before, together, True


def _delegates(agent: object) -> bool:
    return bool(getattr(agent, "allow_delegation", False))


def _run_after(task: Task, before: Task | None) -> None:
    task.async_execution = False
    if task.context is not None and not isinstance(task.context, list):
        task.context = [] if before is None else [before]
