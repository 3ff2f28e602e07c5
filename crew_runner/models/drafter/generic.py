"""The draft for any other crew's task, from its description."""

from __future__ import annotations

import re
from typing import Final

from crew_runner.models.drafter import document
from crew_runner.models.drafter.brief import capital, shortened
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.label import LABEL

_LISTED: Final = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+)$", re.MULTILINE)
_ASKING: Final = re.compile(
    r"(?:(?:please|can you|could you|plan|create|make|write|draft|design|prepare|develop|say|"
    r"list|a|an|the|our|my|some)\b[\s,]*)+",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(r"\b(\d|two|three|four|five)\s(?!words?|minutes?|pages?)[^\W\d]", re.I)
_NUMBERS: Final = ("one", "two", "three", "four", "five")
_MOST_PARTS: Final = 10


def slots(conversation: Conversation, outlines: str) -> dict[str, str]:
    """A text for every slot of the generic template.

    `outlines`: sections whose headings list words of a task, with the points for such a task.
    """
    context = "\n".join(x for x in conversation.context.splitlines() if LABEL not in x)
    title, subject = _title_and_subject(conversation.task)
    return {
        "title": title,
        "subject": subject,
        "task": shortened(conversation.task, 200),
        "expected": _first_sentence(conversation.expected),
        "context": _first_sentence(context.strip().partition("\n")[0]),
        "points": "\n".join(_points(conversation, f"{title} {conversation.expected}", outlines)),
    }


def asked_for(conversation: Conversation) -> str:
    """The subject of a structured answer: the last feedback, else the task."""
    return conversation.feedback[-1] if conversation.feedback else conversation.task


def _title_and_subject(task: str) -> tuple[str, str]:
    """The instruction and its subject: `Write a letter to all: we move`."""
    paragraph = " ".join(re.sub(r"[#*_`>|]+", " ", task.strip().partition("\n\n")[0]).split())
    instruction, _, subject = paragraph.partition(": ")
    instruction = _first_sentence(instruction)
    match = _ASKING.match(instruction)
    title = shortened(instruction[match.end() :] if match else instruction, 80) or instruction
    if re.search(r"\b(?:about|on|for|of)$", title):
        return capital(shortened(f"{title} {subject}", 120)), ""
    return capital(title), capital(shortened(subject, 200))


def _points(conversation: Conversation, instruction: str, outlines: str) -> list[str]:
    """The parts that the task lists; else the outline for such a task, in the requested length."""
    if parts := _LISTED.findall(conversation.task) or _LISTED.findall(conversation.expected):
        names = [shortened(str(part).strip(" .;,*"), 70) for part in parts[:_MOST_PARTS]]
        return [f"{n}. **{capital(name)}**" for n, name in enumerate(names, start=1)]
    kinds = document.parse(outlines).sections
    fitting = (
        kind
        for kind in kinds
        if any(re.search(rf"\b{word}s?\b", instruction, re.I) for word in kind.heading.split(", "))
    )
    points = document.items(next(fitting, kinds[-1]).body)
    return [f"{n}. {point[2:]}" for n, point in enumerate(points[: _count(instruction)], start=1)]


def _count(instruction: str) -> int | None:
    match = _COUNT.search(instruction)
    if match is None:
        return None
    return int(match[1]) if match[1].isdigit() else _NUMBERS.index(match[1].lower()) + 1


def _first_sentence(text: str) -> str:
    flat = " ".join(re.sub(r"[#*_`>|]+|^\s*-\s", " ", text, flags=re.MULTILINE).split())
    return shortened(re.split(r"(?<=[.!?])\s", flat, maxsplit=1)[0].rstrip("."), 140)
