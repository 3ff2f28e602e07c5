"""An execution as CrewAI AMP's clients see it: a list of tasks, of which one may wait. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.records import Checkpoint, CheckpointKind, Execution, PhaseRun, TaskResult
from storage.states import PhaseRunState

_AT_WORK: Final = (PhaseRunState.QUEUED, PhaseRunState.RUNNING)


@dataclass(frozen=True, slots=True)
class Position:
    """How far an execution is. `total` is at least 1, and grows while a flow goes on."""

    current_task: str
    completed: int
    total: int


@dataclass(frozen=True, slots=True)
class TimedTask:
    result: TaskResult
    seconds: float


def task_of(checkpoint: Checkpoint) -> str:
    """The task that waits: the last one of a phase, or the flow's method.

    What an agent asks while it works has the name of the question or tool.
    """
    output = checkpoint.output
    if checkpoint.kind is CheckpointKind.GATE and output.pause is not None:
        return output.pause.gate
    if checkpoint.kind is CheckpointKind.PHASE and output.tasks:
        return output.tasks[-1].task or checkpoint.phase
    return checkpoint.phase if checkpoint.kind is CheckpointKind.PHASE else checkpoint.name


def is_meant(task_id: str, checkpoint: Checkpoint, known: Iterable[str]) -> bool:
    """Whether a client that names this task means this checkpoint.

    The checkpoint's own name and id, and that of its phase, are as good, if no other task is called
    so.
    """
    if task_id == task_of(checkpoint):
        return True
    return task_id in (checkpoint.name, checkpoint.id, checkpoint.phase) and task_id not in known


def task_names(
    execution: Execution, runs: Sequence[PhaseRun], steps: Sequence[str] = ()
) -> list[list[str]]:
    """The names of the tasks of each phase, those of finished phases as they ran.

    `steps` are those that were learned of the crew, for an execution that has not described itself.
    """
    if not execution.phases:
        return [[step] for step in steps]
    planned = {phase.name: phase.tasks for phase in execution.definition.phases}
    ran = {index: [each.result.task for each in timed_tasks(run)] for index, run in _finished(runs)}
    return [
        [name or phase for name in ran.get(index) or planned.get(phase) or [phase]]
        for index, phase in enumerate(execution.phases)
    ]


def position(
    execution: Execution,
    runs: Sequence[PhaseRun],
    waiting: Checkpoint | None,
    steps: Sequence[str] = (),
) -> Position:
    """A task counts as completed once nobody has to approve it any more."""
    by_phase = task_names(execution, runs, steps)
    total = max(1, sum(map(len, by_phase)))
    last = runs[-1] if runs else None
    index = 0 if last is None else last.phase_index
    before = sum(map(len, by_phase[:index]))
    tasks = by_phase[index] if index < len(by_phase) else []
    if waiting is not None:
        finished = len(tasks) - 1 if waiting.kind is CheckpointKind.PHASE else 0
        return Position(task_of(waiting), before + max(0, finished), total)
    done, current = _at_work(last, tasks)
    return Position(current, before + done, total)


def _at_work(run: PhaseRun | None, tasks: Sequence[str]) -> tuple[int, str]:
    """How many tasks of the phase are done, and which one is at work, from the run's progress."""
    reported = [] if run is None else _reported(run.progress)
    done = sum(state == "done" for _task, state in reported)
    running = [task for task, state in reported if state == "running"]
    if running:
        return done, running[0]
    return done, tasks[min(done, len(tasks) - 1)] if tasks else ""


def _reported(progress: Mapping[str, object]) -> list[tuple[str, str]]:
    tasks = progress.get("tasks")
    entries = tasks if isinstance(tasks, list) else []
    return [
        (str(each.get("task") or ""), str(each.get("state") or ""))
        for each in entries
        if isinstance(each, dict)
    ]


def results(runs: Sequence[PhaseRun]) -> list[TimedTask]:
    """The accepted result of each task, in order, with the seconds that it took."""
    return [each for _index, run in _finished(runs) for each in timed_tasks(run)]


def timed_tasks(run: PhaseRun) -> list[TimedTask]:
    """The results of a phase run. Tasks that were not timed one by one share the phase's time."""
    tasks = () if run.output is None else run.output.tasks
    share = _seconds(run, run.ended_at) / len(tasks) if tasks else 0.0
    return [TimedTask(each, round(_timed(each, otherwise=share), 3)) for each in tasks]


def _timed(result: TaskResult, *, otherwise: float) -> float:
    """The seconds that CrewAI measured."""
    seconds = result.saved.get("seconds")
    return float(seconds) if isinstance(seconds, int | float) else otherwise


def seconds_at_work(runs: Iterable[PhaseRun], now: datetime) -> float:
    """How long the crew has worked, over all tries, without the time that people took."""
    ends = ((run, now if run.state in _AT_WORK else run.ended_at) for run in runs)
    return round(sum(_seconds(run, end) for run, end in ends), 3)


def _seconds(run: PhaseRun, end: datetime | None) -> float:
    if run.started_at is None or end is None:
        return 0.0
    return max(0.0, (end - run.started_at).total_seconds())


def _finished(runs: Iterable[PhaseRun]) -> list[tuple[int, PhaseRun]]:
    """The newest finished run of each phase, by the phase's index."""
    done = {run.phase_index: run for run in runs if run.state is PhaseRunState.DONE and run.output}
    return sorted(done.items())
