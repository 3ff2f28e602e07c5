"""The output of a phase as a reviewer reads it: one text, or one under each task's name. Pure."""

from __future__ import annotations

import json
from typing import Final

from bot.slack.render import text
from bot.slack.render.markdown import fences, json_text
from storage.records import PhaseOutput, TaskResult

STRUCTURE_HEADING: Final = "Handed on as this structure:"


def full_text(output: PhaseOutput) -> str:
    """The whole output as Markdown, unescaped: for pages and for a file."""
    parts = _parts(output)
    if len(parts) == 1:
        return parts[0][1]
    return "\n\n".join(f"# {text.label(name)}\n\n{_section(body)}" for name, body in parts)


def _section(task_text: str) -> str:
    """A task's text as a part of a longer one: JSON as code, and no fence left open."""
    if json_text.is_json(task_text):
        return fences.fenced(json_text.pretty(task_text), "json")
    return fences.closed(task_text)


def _parts(output: PhaseOutput) -> list[tuple[str, str]]:
    """(task, text) of each task if there are several, else the output with an empty name."""
    if len(output.tasks) > 1:
        return [(task.task, _with_structure(task.output, task)) for task in output.tasks]
    return [("", _with_structure(output.output, *output.tasks))]


def _with_structure(answer: str, *tasks: TaskResult) -> str:
    """The answer and, if the task has a typed output, the structure that is handed on.

    CrewAI may make the structure from the answer by another model call. If the answer is the
    structure, it is shown once.
    """
    structure = tasks[0].structured if tasks else ""
    if not structure:
        return answer
    code = fences.fenced(structure, "json")
    if _is_json(answer, structure):
        return code
    return f"{fences.closed(answer)}\n\n**{STRUCTURE_HEADING}**\n\n{code}"


def _is_json(answer: str, structure: str) -> bool:
    try:
        return bool(json.loads(answer) == json.loads(structure))
    except ValueError:
        return False
