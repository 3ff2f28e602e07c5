"""Crews: built from their author's code, run one phase at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Final

from crewai import Agent, Crew, Task
from crewai.core.providers.human_input import set_provider
from crewai.crews.crew_output import CrewOutput
from crewai.events.stream_context import add_stream_sink
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput

from crew_runner.child import Report
from crew_runner.failures import CrewProblem
from crew_runner.messages import Described, Job
from crew_runner.runnables.conversation import Conversations, Reopened
from crew_runner.runnables.listening import TaskListener
from crew_runner.runnables.phases import (
    asked_for,
    check_people_are_heard,
    check_phases,
    cut_where_people_speak,
    named,
)
from storage.records import PhaseOutput, TaskResult

LESSONS: Final = "\n\nLessons from earlier reviews. Keep to them:\n{lessons}"
"""Added to each task of a crew that has some; CrewAI fills them in from the inputs."""


class CrewRunnable:
    """A built crew, whose phases fit its tasks."""

    def __init__(self, crew: Crew, job: Job) -> None:
        self._crew = crew
        self._named = named(crew.tasks)
        check_phases(job.phases, list(self._named))
        self._phases = cut_where_people_speak(job.phases, self._named)
        self._inputs = job.inputs

    def describe(self) -> Described:
        return Described(self._phases, asked_for(self._phases, self._named, self._inputs))

    def run(self, job: Job, report: Report) -> PhaseOutput:
        check_phases(job.phases, list(self._named))
        position = [phase.name for phase in job.phases].index(job.phase)
        check_people_are_heard(job.phases[position], self._named, job.pauses)
        names = job.phases[position].tasks
        earlier = [name for phase in job.phases[:position] for name in phase.tasks]
        self._restore(earlier, [output for _phase, output in job.done])
        conversations = Conversations()
        if job.revising and job.previous is not None:
            revised = [name for name in names if not job.revise or name in job.revise]
            kept = [name for name in names if name not in revised]
            conversations = self._reopen(job, revised, kept)
            # CrewAI runs all that follows the first to run: what is kept stays out of its sight.
            start = names.index(revised[0])
            order = [*earlier, *names[:start], *revised]
        else:
            order = [*earlier, *names]
        is_last = position == len(job.phases) - 1
        listener = TaskListener([self._named[name] for name in names], report)
        result = self._kickoff(job, order, conversations, listener, is_last=is_last)
        outputs = [_task_result(name, self._named[name]) for name in names]
        changed_after = is_last and self._crew.after_kickoff_callbacks and not job.revising
        return PhaseOutput(
            output=result.raw if changed_after else outputs[-1].output,
            tasks=tuple(outputs),
            usage=listener.usage,
        )

    def _restore(self, names: Iterable[str], outputs: Iterable[PhaseOutput]) -> None:
        saved = {result.task: result.saved for output in outputs for result in output.tasks}
        for name in names:
            if name not in saved:
                raise CrewProblem(f"The output of task {name} was not kept by an earlier phase.")
            self._named[name].output = _restored(saved[name], self._named[name])

    def _reopen(self, job: Job, revised: Sequence[str], kept: Sequence[str]) -> Conversations:
        """The conversations to go on with; the kept tasks get their outputs back."""
        assert job.previous is not None  # noqa: S101 asked by the caller
        self._restore([*kept, *revised], [job.previous])
        changing = [self._named[name] for name in revised]
        reopened = {}
        for task in changing:
            if task.output is None:
                raise CrewProblem(f"The output of task {task.name} was not kept.")
            builds_on = tuple(before for before in changing if _builds_on(task, before, changing))
            reopened[task.id] = Reopened(task.output, builds_on)
        for task in changing:
            task.output = None
            _answer_at_once(task.agent)
        self._crew.planning = False
        return Conversations(feedback=job.feedback, reopened=reopened)

    def _kickoff(
        self,
        job: Job,
        order: Sequence[str],
        conversations: Conversations,
        listener: TaskListener,
        *,
        is_last: bool,
    ) -> CrewOutput:
        crew = self._crew
        crew.tasks = [self._named[name] for name in order]
        crew.stream = False
        _end_together(crew.tasks)
        if any(task.output is not None for task in crew.tasks):
            crew.checkpoint_kickoff_event_id = "resume"
        if not is_last:
            crew.after_kickoff_callbacks = []
        for agent in {id(agent): agent for agent in _agents(crew)}.values():
            if "max_retry_limit" not in agent.model_fields_set:
                agent.max_retry_limit = 0  # the phase is tried again, with a backoff, by the worker
        if job.lessons and not job.revising:
            for task in crew.tasks:
                task.description += LESSONS
        set_provider(conversations)
        add_stream_sink(listener)
        result = crew.kickoff(inputs=dict(job.inputs))
        if not isinstance(result, CrewOutput):
            raise TypeError(f"kickoff gave {type(result).__name__}")
        return result


# --- outputs ---------------------------------------------------------------------------------


def _task_result(name: str, task: Task) -> TaskResult:
    output = task.output
    if output is None and isinstance(task, ConditionalTask):
        output = task.get_skipped_task_output()
    if output is None:
        raise CrewProblem(f"Task {name} ended without an output.")
    structured = output.pydantic
    saved: dict[str, object] = {
        "output": output.model_dump(mode="json", exclude={"pydantic"}, fallback=str),
        "pydantic": structured.model_dump(mode="json", fallback=str) if structured else None,
    }
    return TaskResult(task=name, agent=output.agent.strip(), output=output.raw, saved=saved)


def _restored(saved: Mapping[str, object], task: Task) -> TaskOutput:
    output = TaskOutput.model_validate(saved["output"])
    if saved.get("pydantic") is not None and task.output_pydantic is not None:
        output.pydantic = task.output_pydantic.model_validate(saved["pydantic"])
    return output


def _builds_on(task: Task, before: Task, changing: Sequence[Task]) -> bool:
    """Whether the saved conversation of `task` holds the earlier output of `before`."""
    if changing.index(before) >= changing.index(task):
        return False
    if isinstance(task.context, list):
        return any(other is before for other in task.context)
    return task.context is not None


def _end_together(tasks: Sequence[Task]) -> None:
    """CrewAI refuses tasks that end with more than one asynchronous one, as a phase well may."""
    trailing = list(takewhile(lambda task: task.async_execution, reversed(tasks)))
    for task in trailing[1:]:
        task.async_execution = False


def _agents(crew: Crew) -> list[Agent]:
    found = [*crew.agents, *(task.agent for task in crew.tasks)]
    return [agent for agent in found if isinstance(agent, Agent)]


def _answer_at_once(agent: object) -> None:
    """A revision re-opens a conversation: there is nothing left to plan."""
    if isinstance(agent, Agent):
        agent.planning = False
        agent.planning_config = None
