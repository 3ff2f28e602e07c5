"""The outputs of tasks: as they are stored, restored and shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from crewai import Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tasks.task_output import TaskOutput
from pydantic import ValidationError

from ..failures import CrewProblem, summarize
from ..records import TaskResult
from .task_setup import was_skipped

NOT_RUN: Final = "(Not run: the condition of this task did not hold.)"


def task_result(task: Task, *, held: bool = False) -> TaskResult:
    """The result of a finished task. `held`: what follows its approval has not been run."""
    output = task.output or skipped_output(task)
    typed = output.pydantic.model_dump(mode="json", fallback=str) if output.pydantic else None
    saved: dict[str, object] = {
        "output": output.model_dump(mode="json", exclude={"pydantic"}, fallback=str),
        "pydantic": typed,
        "seconds": task.execution_duration,
    }
    is_skipped = was_skipped(task, output)
    if held and not is_skipped:
        saved["held"] = {"output_file": task.output_file}
    structure = typed if typed is not None else output.json_dict
    return TaskResult(
        task=task.name or "",
        agent=output.agent.strip(),
        output=NOT_RUN if is_skipped else output.raw,
        saved=saved,
        structured="" if structure is None else _json(structure),
    )


def _json(structure: object) -> str:
    return json.dumps(structure, indent=2, ensure_ascii=False, default=str)


def skipped_output(task: Task) -> TaskOutput:
    if not isinstance(task, ConditionalTask):
        raise CrewProblem(f"Task {task.name} ended without an output. Check the crew's code.")
    return task.get_skipped_task_output()


def last_output(outputs: Sequence[TaskResult]) -> str:
    texts = [result.output for result in outputs if result.output != NOT_RUN]
    return texts[-1] if texts else NOT_RUN


def restored(result: TaskResult, task: Task) -> TaskOutput:
    """The output of an earlier phase or revision as CrewAI's own, with the reviewer's edits."""
    try:
        output = TaskOutput.model_validate(result.saved["output"])
        typed = result.saved.get("pydantic")
        if result.edited:
            typed = _edit(output, result, is_typed=typed is not None)
        if typed is not None and task.output_pydantic is not None:
            output.pydantic = task.output_pydantic.model_validate(typed)
    except ValidationError as error:
        if result.edited:
            raise CrewProblem(
                f"The edited output of task {task.name} does not fit its type: {summarize(error)}. "
                "Start the crew again."
            ) from error
        raise CrewProblem(
            f"The output of task {task.name} no longer fits the crew, which has changed since: "
            f"{summarize(error)}. Restore the crew's code, or start the crew again."
        ) from error
    return output


def _edit(output: TaskOutput, result: TaskResult, *, is_typed: bool) -> object:
    """Put the reviewer's text into the output. Returns the value for its model, if it has one."""
    output.raw = result.output
    if not result.structured:
        return None
    structure = json.loads(result.structured)
    if output.json_dict is not None:
        output.json_dict = structure
    return structure if is_typed else None
