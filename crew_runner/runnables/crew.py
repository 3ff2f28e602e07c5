"""Crews: built from their author's code, run one phase at a time."""

from __future__ import annotations

import difflib
import importlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from crewai import Agent, Crew, Flow, Task
from crewai.core.providers.human_input import set_provider
from crewai.crews.crew_output import CrewOutput
from crewai.events.stream_context import add_stream_sink
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput

from crew_runner.child import Report
from crew_runner.environment import scrub, without_secrets
from crew_runner.failures import CrewProblem, clipped
from crew_runner.messages import Job
from crew_runner.models.environment import MODEL_VARIABLES
from crew_runner.runnables.conversation import Conversations, Reopened
from crew_runner.runnables.listening import Listener
from crew_runner.runnables.locks import keep_locks_in
from storage.records import PhaseDefinition, PhaseOutput, TaskResult


def build_crew(job: Job) -> CrewRunnable:
    """Build the crew that `job.target` names. Raises CrewProblem, in words."""
    for name in MODEL_VARIABLES:
        os.environ.pop(name, None)
    os.environ.update({**without_secrets(job.extra), **job.model})
    os.environ["CREWAI_STORAGE_DIR"] = job.storage
    keep_locks_in(job.storage)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    target = job.target or ""
    crew = _crew_of(target, _found(target))
    scrub()  # crew code may have read a `.env` file
    return CrewRunnable(crew, job.phases)


class CrewRunnable:
    """A built crew, whose phases fit its tasks."""

    def __init__(self, crew: Crew, phases: Sequence[PhaseDefinition]) -> None:
        self._crew = crew
        self._named = _named(crew.tasks)
        _check_phases(phases, self.tasks)

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self._named)

    def run(self, job: Job, report: Report) -> PhaseOutput:
        _check_phases(job.phases, self.tasks)
        position = [phase.name for phase in job.phases].index(job.phase)
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
        listener = Listener([self._named[name] for name in names], report)
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
        listener: Listener,
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
        set_provider(conversations)
        add_stream_sink(listener)
        result = crew.kickoff(inputs=dict(job.inputs))
        if not isinstance(result, CrewOutput):
            raise TypeError(f"kickoff gave {type(result).__name__}")
        return result


# --- building --------------------------------------------------------------------------------


def _found(target: str) -> object:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise CrewProblem(f"{target!r} does not name a crew: it has to be `module:name`.")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise CrewProblem(
            f"The crew cannot be built: there is no module {error.name!r} "
            f"(looked for from {os.getcwd()} and PYTHONPATH)."
        ) from error
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {clipped(error)}") from error
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise CrewProblem(
            f"The crew cannot be built: {module_name} has no {attribute!r}."
            + _nearest(attribute, dir(module))
        ) from None


def _crew_of(target: str, found: object) -> Crew:
    if isinstance(found, Flow) or (isinstance(found, type) and issubclass(found, Flow)):
        raise CrewProblem(f"{target} is a flow. Only crews and commands can be run so far.")
    try:
        built = found() if not isinstance(found, Crew) and callable(found) else found
        make = getattr(built, "crew", None)  # a @CrewBase class's own method
        if not isinstance(built, Crew) and callable(make):
            built = make()
    except Exception as error:
        raise CrewProblem(f"The crew cannot be built: {clipped(error)}") from error
    if not isinstance(built, Crew):
        raise CrewProblem(
            f"{target} is no crew: it gives {type(built).__name__}. A @CrewBase class, a function "
            "that returns a Crew, or a Crew is needed."
        )
    return built


def _named(tasks: Sequence[Task]) -> dict[str, Task]:
    """The tasks by name. One without a name gets its number; a name used twice gets a number."""
    named: dict[str, Task] = {}
    for number, task in enumerate(tasks, start=1):
        name = task.name or f"task_{number}"
        if name in named:
            name = f"{name}_{number}"
        task.name = name
        named[name] = task
    return named


def _check_phases(phases: Sequence[PhaseDefinition], tasks: Sequence[str]) -> None:
    if not phases:
        return
    wanted = [name for phase in phases for name in phase.tasks]
    unknown = [name for name in wanted if name not in tasks]
    if unknown:
        raise CrewProblem(
            "The phases in crews.yml name tasks that the crew does not have: "
            f"{', '.join(unknown)}. It has: {', '.join(tasks)}."
        )
    missing = [name for name in tasks if name not in wanted]
    if missing:
        raise CrewProblem(
            f"No phase in crews.yml names these tasks of the crew: {', '.join(missing)}."
        )
    if wanted != list(tasks):
        raise CrewProblem(
            "The phases in crews.yml have to name the tasks in the order in which the crew runs "
            f"them: {', '.join(tasks)}."
        )


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, [other for other in known if other[:1] != "_"], n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


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
