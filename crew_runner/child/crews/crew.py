"""Runs a CrewAI crew one phase at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from crewai import Agent, Crew, Task
from crewai.crews.crew_output import CrewOutput
from crewai.types.usage_metrics import UsageMetrics

from ..crewai_internals import disable_memory, skip_finished_tasks
from ..failures import CrewProblem
from ..messages import CrewDescription, Job
from ..monitoring.event_listeners import TaskListener
from ..older_crewai import add_stream_sink, set_provider
from ..output_text import text_of
from ..records import PhaseDefinition, PhaseOutput, TaskResult
from ..runnable import Report
from .conversation import Conversations, ReopenedTask
from .follow_ups import has_follow_ups, hold, run_held
from .inputs import Inputs, KickoffInputs
from .outputs import last_output, restored, skipped_output, task_result
from .phases import (
    check_human_input,
    check_phases,
    divide,
    human_input_checkpoints,
    split_at_human_input,
    tasks_by_name,
)
from .task_setup import (
    separate_shared_agents,
    use_previous_output,
    was_skipped,
)

LESSONS: Final = "\n\nLessons from earlier reviews. Keep to them:\n{lessons}"
"""Added to each task of a crew with lessons; CrewAI fills them in from the inputs."""


class CrewRunnable:
    """A built crew whose phases match its tasks.

    `remember` stores that a step is done and must not be repeated if its phase runs again.
    """

    def __init__(self, crew: Crew, job: Job) -> None:
        self.remember: Callable[[str], None] = lambda _key: None
        self._crew = crew
        self._tasks = tasks_by_name(crew.tasks)
        check_phases(job.phases, list(self._tasks))
        if job.phases:
            phases = split_at_human_input(job.phases, self._tasks)
        else:
            phases = divide(self._tasks, after=job.cut_after, before=job.cut_before)
        self._phases = (*phases, *self._last_phase(phases))
        self._inputs = job.inputs

    def describe(self) -> CrewDescription:
        return CrewDescription(
            self._phases,
            human_input_checkpoints(self._phases, self._tasks, self._inputs),
            takes_any_input=bool(self._crew.before_kickoff_callbacks),
        )

    def run(self, job: Job, report: Report) -> PhaseOutput:
        check_phases(job.phases, list(self._tasks))
        position = [phase.name for phase in job.phases].index(job.phase)
        check_human_input(job.phases[position], self._tasks, job.pauses)
        names = job.phases[position].tasks
        earlier = [name for phase in job.phases[:position] for name in phase.tasks]
        self._restore(earlier, [output for _phase, output in job.done])
        listener = TaskListener([self._tasks[name] for name in names], report)
        if not job.revising:
            self._run_held(job)
        if not names:
            return self._finish(job, listener)
        conversations = Conversations()
        kept: dict[str, TaskResult] = {}
        if job.revising and job.previous is not None:
            revised = self._to_revise(job, names)
            kept = {each.task: each for each in job.previous.tasks if each.task not in revised}
            conversations = self._reopen(job, revised, list(kept))
            # CrewAI runs every task after the first one that runs, so kept tasks are left out.
            start = names.index(revised[0])
            order = [*earlier, *names[:start], *revised]
        else:
            order = [*earlier, *names]
        finish = self._after_kickoff(is_last=position == len(job.phases) - 1)
        inputs = KickoffInputs(self._crew, job)
        last = self._tasks[names[-1]]
        asks = last if last.human_input else None
        result = self._kickoff(job, order, conversations, listener, inputs=inputs.values, asks=asks)
        outputs = [
            kept.get(name) or task_result(self._tasks[name], held=self._tasks[name] is asks)
            for name in names
        ]
        return PhaseOutput(
            output=finish(result, job.revising) or last_output(outputs),
            tasks=tuple(outputs),
            usage=listener.usage,
            inputs=inputs.to_store,
        )

    def _to_revise(self, job: Job, names: Sequence[str]) -> list[str]:
        """The tasks that the reviewer chose; else the task that asks, as in CrewAI, or all."""
        if job.revise:
            return [name for name in names if name in job.revise]
        return [names[-1]] if self._tasks[names[-1]].human_input else list(names)

    # --- what follows an approval -----------------------------------------------------------

    def _last_phase(self, phases: Sequence[PhaseDefinition]) -> tuple[PhaseDefinition, ...]:
        """A phase without tasks for what follows the yes to the last task, if anything does."""
        last = self._tasks[phases[-1].tasks[-1]] if phases and phases[-1].tasks else None
        if last is None or not last.human_input:
            return ()
        if not has_follow_ups(self._crew, last) and not self._crew.after_kickoff_callbacks:
            return ()
        return (PhaseDefinition(f"after {last.name}"),)

    def _run_held(self, job: Job) -> None:
        """Run what follows the yes to the last task before this phase, unless nobody said yes."""
        phase, output = job.done[-1] if job.done else ("", None)
        result = output.tasks[-1] if output is not None and output.tasks else None
        held = None if result is None else result.saved.get("held")
        if result is None or not isinstance(held, dict) or phase in job.skipped:
            return
        task = self._tasks[result.task]
        if task.output is not None:
            run_held(
                self._crew,
                task,
                task.output,
                output_file=held["output_file"],
                is_done=job.allowed.__contains__,
                remember=self.remember,
            )

    def _finish(self, job: Job, listener: TaskListener) -> PhaseOutput:
        """The phase without tasks: its text is what `after_kickoff` makes of the crew's output."""
        empty = CrewOutput(raw="", tasks_output=[], token_usage=UsageMetrics())
        text = self._after_kickoff(is_last=True)(empty, True)
        return PhaseOutput(output=text or job.done[-1][1].output, usage=listener.usage)

    def _after_kickoff(self, *, is_last: bool) -> Callable[[CrewOutput, bool], str]:
        """A function that runs the crew's `after_kickoff` callbacks after the last phase.

        The callbacks receive all tasks, also those that a revision left out.
        """
        crew, callbacks = self._crew, list(self._crew.after_kickoff_callbacks)
        crew.after_kickoff_callbacks = []

        def finish(result: CrewOutput, revising: bool) -> str:
            if not is_last or not callbacks:
                return ""
            final: Any = self._full_output(result) if revising else result
            for callback in callbacks:
                final = callback(final)
            return text_of(final)

        return finish

    def _full_output(self, result: CrewOutput) -> CrewOutput:
        """The crew's output with the outputs of all its tasks."""
        outputs = [task.output or skipped_output(task) for task in self._tasks.values()]
        last = next(output for output in reversed(outputs) if output.raw)
        return result.model_copy(
            update={
                "raw": last.raw,
                "pydantic": last.pydantic,
                "json_dict": last.json_dict,
                "tasks_output": outputs,
            }
        )

    def _restore(self, names: Iterable[str], outputs: Iterable[PhaseOutput]) -> None:
        results = {result.task: result for output in outputs for result in output.tasks}
        for name in names:
            if name not in results or not results[name].saved:
                raise CrewProblem(f"The output of task {name} was not saved. Start the crew again.")
            self._tasks[name].output = restored(results[name], self._tasks[name])

    def _reopen(self, job: Job, revised: Sequence[str], kept: Sequence[str]) -> Conversations:
        """Restore the outputs of kept tasks and prepare the conversations to continue."""
        assert job.previous is not None  # noqa: S101 checked by the caller
        self._restore([*kept, *revised], [job.previous])
        revised_tasks = [self._tasks[name] for name in revised]
        edited = {each.task for each in job.previous.tasks if each.edited}
        edited_tasks = [self._tasks[name] for name in kept if name in edited]
        use_previous_output(list(self._tasks.values()))
        reopened = {}
        for task in revised_tasks:
            if task.output is None:
                raise CrewProblem(
                    f"The output of task {task.name} was not saved. Start the crew again."
                )
            if was_skipped(task, task.output):
                continue
            reopened[task.id] = ReopenedTask(
                task.output,
                tuple(before for before in revised_tasks if self._builds_on(task, before)),
                is_edited=task.name in edited,
                edited=tuple(before for before in edited_tasks if self._builds_on(task, before)),
            )
        for task in revised_tasks:
            task.output = None
            _disable_planning(task.agent)
        self._crew.planning = False
        if len(reopened) == len(revised_tasks):
            _disable_lookups(self._crew, revised_tasks)
        return Conversations(feedback=job.feedback, reopened=reopened)

    def _builds_on(self, task: Task, before: Task) -> bool:
        """Whether the saved conversation of `task` contains the earlier output of `before`."""
        order = [*self._tasks.values()]
        if order.index(before) >= order.index(task):
            return False
        if isinstance(task.context, list):
            return any(other is before for other in task.context)
        return task.context is not None

    def _kickoff(
        self,
        job: Job,
        order: Sequence[str],
        conversations: Conversations,
        listener: TaskListener,
        *,
        inputs: Inputs | None,
        asks: Task | None,
    ) -> CrewOutput:
        crew = self._crew
        crew.tasks = [self._tasks[name] for name in order]
        if "stream" in Crew.model_fields:  # CrewAI 1.7 and newer
            crew.stream = False
        separate_shared_agents(crew)
        if any(task.output is not None for task in crew.tasks):
            skip_finished_tasks(crew)
        for agent in {id(agent): agent for agent in _agents(crew)}.values():
            if "max_retry_limit" not in agent.model_fields_set:
                agent.max_retry_limit = 0  # the worker retries the phase, with backoff
        if job.lessons and not job.revising:
            for task in crew.tasks:
                task.description += _lessons(job, inputs)
        if asks is not None:
            hold(crew, asks)
        set_provider(conversations)
        add_stream_sink(conversations)
        add_stream_sink(listener)
        result = crew.kickoff(inputs=None if inputs is None else dict(inputs))
        if not isinstance(result, CrewOutput):
            raise TypeError(f"kickoff returned {type(result).__name__}")
        return result


def _lessons(job: Job, inputs: Inputs | None) -> str:
    if inputs is not None:
        return LESSONS
    return LESSONS.replace("{lessons}", str(job.inputs.get("lessons", "")))


def _agents(crew: Crew) -> list[Agent]:
    candidates = [*crew.agents, crew.manager_agent, *(task.agent for task in crew.tasks)]
    return [agent for agent in candidates if isinstance(agent, Agent)]


def _disable_planning(agent: object) -> None:
    """A revision continues a conversation, so there is nothing to plan."""
    if isinstance(agent, Agent):
        for name, value in (("planning", False), ("planning_config", None)):
            if name in type(agent).model_fields:
                setattr(agent, name, value)


def _disable_lookups(crew: Crew, tasks: Sequence[Task]) -> None:
    """Skip searches, which cost a model call each: their results are in the conversation."""
    crew.knowledge = crew.knowledge_sources = None
    if crew.memory is True:  # CrewAI's own memory, which lasts as long as the phase
        disable_memory(crew)
    for task in tasks:
        if isinstance(task.agent, Agent):
            task.agent.knowledge = None
            task.agent.knowledge_sources = None
