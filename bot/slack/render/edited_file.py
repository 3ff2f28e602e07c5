"""The texts in a file that a person made from the whole text of an output. Pure."""

from __future__ import annotations

import re
from typing import Final

from bot.slack.render import text
from bot.slack.render.outputs import STRUCTURE_HEADING
from storage.records import PhaseOutput, TaskResult

_STRUCTURE: Final = re.compile(r"```json\n(.*)\n```\s*\Z", re.DOTALL)
_HANDED_ON: Final = f"**{STRUCTURE_HEADING}**"


def texts(output: PhaseOutput, content: str) -> dict[str, str] | None:
    """The texts by task, as `outputs.full_text` puts them together.

    None if the file does not have the heading of each task, once and in order.
    """
    if not output.tasks:
        return {"": content}
    if len(output.tasks) == 1:
        return {output.tasks[0].task: _of_task(output.tasks[0], content)}
    names = [task.task for task in output.tasks]
    headings = [f"# {text.label(name)}" for name in names]
    lines = content.split("\n")
    starts = [number for number, line in enumerate(lines) if line.rstrip() in headings]
    if [lines[number].rstrip() for number in starts] != headings or len({*names}) < len(names):
        return None
    ends = [*starts[1:], len(lines)]
    return {
        task.task: _of_task(task, "\n".join(lines[start + 1 : end]).strip("\n"))
        for task, start, end in zip(output.tasks, starts, ends, strict=True)
    }


def _of_task(task: TaskResult, content: str) -> str:
    """The text of a task; of a typed output its structure, which is what is handed on."""
    if not task.structured:
        return content
    structure = _STRUCTURE.search(content.rpartition(_HANDED_ON)[2])
    return structure.group(1) if structure else content
