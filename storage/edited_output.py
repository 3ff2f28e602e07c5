"""The output that a reviewer's edit makes of a phase's output. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from storage.characters import storable
from storage.definitions import Json
from storage.records import PhaseOutput, TaskResult

WHOLE: Final = ""
"""The key of the text if the output has no tasks, or a single one."""

_WHOLE_NUMBER: Final = "a whole number"

_KINDS: Final[Mapping[type, str]] = {
    bool: "true or false",
    int: _WHOLE_NUMBER,
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "an object",
}

_FENCE: Final = re.compile(r"```\w*\n(.*)\n```", re.DOTALL)


class UnknownKeys(Exception):
    """Texts for tasks that the output does not have."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class Blank(Exception):
    """A text that says nothing."""


class BadStructure(Exception):
    """The text of a typed output does not fit. The message says what it must be."""

    def __init__(self, task: str, sentence: str) -> None:
        super().__init__(sentence)
        self.task = task


def with_texts(output: PhaseOutput, texts: Mapping[str, str]) -> PhaseOutput:
    """Return the output with the new texts by task; the last task's text is also the phase's.

    Raises UnknownKeys, Blank, BadStructure.
    """
    new = {name: storable(_with_plain_line_ends(text)) for name, text in texts.items()}
    if len(output.tasks) == 1 and WHOLE in new:
        new.setdefault(output.tasks[0].task, new[WHOLE])
        del new[WHOLE]
    known = {task.task for task in output.tasks} or {WHOLE}
    unknown = tuple(name for name in new if name not in known)
    if unknown:
        raise UnknownKeys(unknown)
    if any(_is_blank(text) for text in new.values()):
        raise Blank
    if len(output.tasks) > 1:
        shown = [task.output for task in output.tasks]
    else:  # `after_kickoff` and programs may make another text of the only task's
        shown = [output.output] * len(output.tasks)
    tasks = tuple(
        _edited(task, new.get(task.task), shown=text)
        for task, text in zip(output.tasks, shown, strict=True)
    )
    text = tasks[-1].output if tasks and tasks[-1] != output.tasks[-1] else output.output
    if WHOLE in new and not _is_same(new[WHOLE], text):
        text = new[WHOLE]
    return replace(output, output=text, tasks=tasks, usage={}, revised=True)


def _edited(task: TaskResult, text: str | None, *, shown: str) -> TaskResult:
    """Return the task's result with a new text, or as it is if the text is the one `shown`."""
    if text is None or _is_same(text, shown):
        return task
    if not task.structured:
        return replace(task, output=text, edited=True)
    structure = _structure(task, text)
    if structure == json.loads(task.structured):
        return task
    structured = json.dumps(structure, indent=2, ensure_ascii=False)
    return replace(task, output=text, structured=structured, edited=True)


def _structure(task: TaskResult, text: str) -> Json:
    """Return the text's JSON value, which has the kind of the typed output. Raises BadStructure."""
    try:
        structure = json.loads(_without_fence(text), parse_constant=_not_json)
    except (ValueError, RecursionError) as error:
        raise BadStructure(
            task.task, f"it must be JSON, like the text it replaces{_at(error)}"
        ) from None
    earlier = json.loads(task.structured)
    _compare(task.task, structure, earlier, at="")
    if isinstance(earlier, dict) and isinstance(structure, dict):
        missing = [name for name in earlier if name not in structure]
        added = [name for name in structure if name not in earlier]
        if missing:
            raise BadStructure(task.task, f"it needs {_names(missing)}")
        if added:
            raise BadStructure(task.task, f"it has no {_names(added)}")
    return structure


def _compare(task: str, new: Json, earlier: Json, *, at: str) -> None:
    """Raises BadStructure unless each value has the kind of the one that it replaces."""
    if earlier is None:
        return
    is_float_again = isinstance(earlier, float) and _kind(new) == _WHOLE_NUMBER
    if _kind(new) != _kind(earlier) and not is_float_again:
        where = f"`{at}`" if at else "it"
        raise BadStructure(task, f"{where} must be {_kind(earlier)}, not {_kind(new)}")
    if isinstance(earlier, dict):
        for name in earlier.keys() & new.keys():
            _compare(task, new[name], earlier[name], at=f"{at}.{name}" if at else name)
    elif isinstance(earlier, list) and len({_kind(each) for each in earlier}) == 1:
        for number, each in enumerate(new):
            _compare(task, each, earlier[min(number, len(earlier) - 1)], at=f"{at}[{number}]")


def _kind(value: Json) -> str:
    return _KINDS.get(type(value), "null")


def _names(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _at(error: Exception) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" (line {error.lineno}, column {error.colno}: {error.msg})"


def _without_fence(text: str) -> str:
    """The text without the code fence that models put around JSON."""
    fenced = _FENCE.fullmatch(text.strip())
    return text if fenced is None else fenced[1]


def _not_json(constant: str) -> Json:
    raise ValueError(constant)


def _with_plain_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _is_same(text: str, earlier: str) -> bool:
    return text.strip() == _with_plain_line_ends(earlier).strip()


def _is_blank(text: str) -> bool:
    return not any(character.isprintable() and not character.isspace() for character in text)
