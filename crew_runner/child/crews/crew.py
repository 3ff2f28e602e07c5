"""Crews: built from their author's code, run one phase at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from crewai import Agent, Crew, Task
from crewai.core.providers.human_input import set_provider
from crewai.crews.crew_output import CrewOutput
from crewai.events.stream_context import add_stream_sink
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput
from pydantic import ValidationError

from crew_runner.child.crewai_internals import forget_memory, skip_finished_tasks
from crew_runner.child.crews.conversation import Conversations, ReopenedTask
from crew_runner.child.crews.phases import (
    asked_for,
    check_people_are_heard,
    check_phases,
    cut_where_people_speak,
    named,
)
from crew_runner.child.crews.task_setup import (
    separate_shared_agents,
    use_previous_output,
    was_not_run,
)
from crew_runner.child.failures import CrewProblem, clipped
from crew_runner.child.messages import Described, Job
from crew_runner.child.monitoring.event_listeners import TaskListener
from crew_runner.child.output_text import text_of
from crew_runner.child.records import PhaseOutput, TaskResult
from crew_runner.child.runnable import Report

LESSONS: Final = "\n\nLessons from earlier reviews. Keep to them:\n{lessons}"
"""Added to each task of a crew that has some; CrewAI fills them in from the inputs."""

NOT_RUN: Final = "(Not run: the condition of this task did not hold.)"


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
        listener = TaskListener([self._named[name] for name in names], report)
        finish = self._finishing(is_last=position == len(job.phases) - 1)
        given = self._kickoff(job, order, conversations, listener)
        outputs = [_task_result(name, self._named[name]) for name in names]
        return PhaseOutput(
            output=finish(given, job.revising) or _last_that_ran(outputs),
            tasks=tuple(outputs),
            usage=listener.usage,
        )

    def _finishing(self, *, is_last: bool) -> Callable[[CrewOutput, bool], str]:
        """What the crew's `after_kickoff` makes of the whole: it runs once the last phase ended.

        A revision leaves kept tasks out, which the callbacks see nevertheless.
        """
        crew, callbacks = self._crew, list(self._crew.after_kickoff_callbacks)
        crew.after_kickoff_callbacks = []

        def finish(given: CrewOutput, revising: bool) -> str:
            if not is_last or not callbacks:
                return ""
            result: Any = self._whole(given) if revising else given
            for callback in callbacks:
                result = callback(result)
            return text_of(result)

        return finish

    def _whole(self, given: CrewOutput) -> CrewOutput:
        """The crew's output with all of its tasks."""
        outputs = [task.output or _passed_over(task) for task in self._named.values()]
        last = next(output for output in reversed(outputs) if output.raw)
        return given.model_copy(
            update={
                "raw": last.raw,
                "pydantic": last.pydantic,
                "json_dict": last.json_dict,
                "tasks_output": outputs,
            }
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
        use_previous_output(list(self._named.values()))
        reopened = {}
        for task in changing:
            if task.output is None:
                raise CrewProblem(f"The output of task {task.name} was not kept.")
            if was_not_run(task, task.output):
                continue
            builds_on = tuple(before for before in changing if _builds_on(task, before, changing))
            reopened[task.id] = ReopenedTask(task.output, builds_on)
        for task in changing:
            task.output = None
            _answer_at_once(task.agent)
        self._crew.planning = False
        if len(reopened) == len(changing):
            _look_nothing_up(self._crew, changing)
        return Conversations(feedback=job.feedback, reopened=reopened)

    def _kickoff(
        self,
        job: Job,
        order: Sequence[str],
        conversations: Conversations,
        listener: TaskListener,
    ) -> CrewOutput:
        crew = self._crew
        crew.tasks = [self._named[name] for name in order]
        crew.stream = False
        separate_shared_agents(crew)
        if any(task.output is not None for task in crew.tasks):
            skip_finished_tasks(crew)
        for agent in {id(agent): agent for agent in _agents(crew)}.values():
            if "max_retry_limit" not in agent.model_fields_set:
                agent.max_retry_limit = 0  # the phase is tried again, with a backoff, by the worker
        if job.lessons and not job.revising:
            for task in crew.tasks:
                task.description += LESSONS
        set_provider(conversations)
        add_stream_sink(conversations)
        add_stream_sink(listener)
        result = crew.kickoff(inputs=dict(job.inputs))
        if not isinstance(result, CrewOutput):
            raise TypeError(f"kickoff gave {type(result).__name__}")
        return result


# --- outputs ---------------------------------------------------------------------------------


def _task_result(name: str, task: Task) -> TaskResult:
    output = task.output or _passed_over(task)
    structured = output.pydantic
    saved: dict[str, object] = {
        "output": output.model_dump(mode="json", exclude={"pydantic"}, fallback=str),
        "pydantic": structured.model_dump(mode="json", fallback=str) if structured else None,
    }
    text = NOT_RUN if was_not_run(task, output) else output.raw
    return TaskResult(task=name, agent=output.agent.strip(), output=text, saved=saved)


def _passed_over(task: Task) -> TaskOutput:
    if not isinstance(task, ConditionalTask):
        raise CrewProblem(f"Task {task.name} ended without an output.")
    return task.get_skipped_task_output()


def _last_that_ran(outputs: Sequence[TaskResult]) -> str:
    ran = [result.output for result in outputs if result.output != NOT_RUN]
    return ran[-1] if ran else NOT_RUN


def _restored(saved: Mapping[str, object], task: Task) -> TaskOutput:
    try:
        output = TaskOutput.model_validate(saved["output"])
        if saved.get("pydantic") is not None and task.output_pydantic is not None:
            output.pydantic = task.output_pydantic.model_validate(saved["pydantic"])
    except ValidationError as error:
        raise CrewProblem(
            f"The output of task {task.name} no longer fits the crew, which was changed since: "
            f"{clipped(error)}. Put it back, or start anew."
        ) from error
    return output


def _builds_on(task: Task, before: Task, changing: Sequence[Task]) -> bool:
    """Whether the saved conversation of `task` holds the earlier output of `before`."""
    if changing.index(before) >= changing.index(task):
        return False
    if isinstance(task.context, list):
        return any(other is before for other in task.context)
    return task.context is not None


def _agents(crew: Crew) -> list[Agent]:
    found = [*crew.agents, crew.manager_agent, *(task.agent for task in crew.tasks)]
    return [agent for agent in found if isinstance(agent, Agent)]


def _answer_at_once(agent: object) -> None:
    """A revision re-opens a conversation: there is nothing left to plan."""
    if isinstance(agent, Agent):
        agent.planning = False
        agent.planning_config = None


def _look_nothing_up(crew: Crew, tasks: Sequence[Task]) -> None:
    """What was looked up stands in the conversation; CrewAI asks a model for each new search."""
    crew.knowledge = crew.knowledge_sources = None
    if crew.memory is True:  # of CrewAI's own, which lasts as long as the phase
        forget_memory(crew)
    for task in tasks:
        if isinstance(task.agent, Agent):
            task.agent.knowledge = None
            task.agent.knowledge_sources = None
