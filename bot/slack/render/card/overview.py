"""What an output is about, in a few lines: its gist, or what the crew's author names. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from bot.slack.render import screen, text
from bot.slack.render.markdown.gist import gist
from storage.definitions import Json
from storage.records import Checkpoint, PhaseOutput

OPENING_LIMIT: Final = 400
HEADINGS_LINES: Final = 2
HEADING_COLUMNS: Final = 18
VALUES_SHOWN: Final = 12


def overview(checkpoint: Checkpoint, whole: str, *, most: int, place: str = "") -> str:
    """mrkdwn of about `most` lines: the summary that the crew names, or the opening sentences and
    the headings; and the reading time, with the place of the whole text."""
    about = gist(whole, OPENING_LIMIT)
    summary = summary_of(checkpoint)
    if summary:
        opening = gist(summary, OPENING_LIMIT * 2).opening or summary
        return f"{_shown(opening, most - 1)}\n{_reading(about.minutes, place)}"
    headings = _headings(about.headings) if most > HEADINGS_LINES + 2 else ""
    opening = _shown(about.opening, most - 1 - (HEADINGS_LINES if headings else 0))
    reading = _reading(about.minutes, place)
    return "\n".join(part for part in (opening, headings, reading) if part)


def summary_of(checkpoint: Checkpoint) -> str:
    """The text that `summary` names: a task's output, or a field; empty if there is no such."""
    name = checkpoint.summary
    if not name:
        return ""
    for task in checkpoint.output.tasks:
        if task.task == name:
            return task.output.strip()
    for structure in _structures(checkpoint.output):
        value = _field(structure, name)
        if value is not None:
            return _as_text(value)
    return ""


def _structures(output: PhaseOutput) -> Sequence[str]:
    """Texts that may be JSON, the phase's own answer first."""
    typed = [task.structured for task in reversed(output.tasks) if task.structured]
    return (*typed, output.output, *(task.output for task in output.tasks))


def _field(structure: str, path: str) -> Json:
    """The value at a dotted path of names, or of numbers in a list; None if there is none."""
    try:
        value = json.loads(_without_fence(structure))
    except ValueError:
        return None
    if isinstance(value, dict) and path in value:
        return value[path]
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _without_fence(structure: str) -> str:
    """JSON that a model has put into a code fence."""
    shown = structure.strip()
    if shown.startswith("```") and shown.endswith("```") and "\n" in shown:
        return shown.partition("\n")[2].removesuffix("```")
    return shown


def _as_text(value: Json) -> str:
    match value:
        case str():
            return value.strip()
        case bool():
            return "yes" if value else "no"
        case list():
            return "\n".join(f"• {_as_line(each)}" for each in value[:VALUES_SHOWN])
        case dict():
            shown = list(value.items())[:VALUES_SHOWN]
            return "\n".join(f"{text.label(str(name))}: {_as_line(each)}" for name, each in shown)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _as_line(value: Json) -> str:
    if isinstance(value, str | bool):
        return " ".join(_as_text(value).split())
    return json.dumps(value, ensure_ascii=False)


def _shown(plain: str, most: int) -> str:
    return text.mrkdwn(screen.fit(text.sanitize(plain), most=max(2, most)))


def _headings(headings: Sequence[str]) -> str:
    """The first headings on two lines, and how many there are besides."""
    names = [screen.fit(name, most=1, columns=HEADING_COLUMNS) for name in headings]
    for count in range(len(names), 0, -1):
        rest = len(names) - count
        more = f" and {rest} more" if rest else ""
        line = f"In it: {' · '.join(names[:count])}{more}"
        if screen.lines(line) <= HEADINGS_LINES:
            return f"*In it:* {text.mrkdwn(' · '.join(names[:count]))}{more}"
    return ""


def _reading(minutes: int, place: str) -> str:
    return f"_{minutes:,} min to read{', ' if place else ''}{place}_"
