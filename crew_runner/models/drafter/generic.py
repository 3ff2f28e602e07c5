"""The draft for any other crew's task, from its description."""

from __future__ import annotations

import re
from typing import Final

from crew_runner.models.drafter.brief import capital, shortened
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.label import LABEL

_LISTED: Final = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+)$", re.MULTILINE)
_ASKING: Final = re.compile(
    r"^(?:(?:please|plan|create|make|write|draft|prepare|list|a|an|the|our|my|some)\b[\s,]*)+",
    re.IGNORECASE,
)
_OUTLINE: Final = (
    "**Purpose.** What should be different once this is done?",
    "**Main point.** Which one point must be understood, and what proves it?",
    "**Objections.** What will people doubt, and what is the honest answer?",
    "**Next step.** What should happen next, where and by when?",
)
_MOST_PARTS: Final = 10


def slots(conversation: Conversation) -> dict[str, str]:
    """A text for every slot of the generic template."""
    context = "\n".join(x for x in conversation.context.splitlines() if LABEL not in x)
    title, subject = _title_and_subject(conversation.task)
    points = (f"{n}. {point}" for n, point in enumerate(_points(conversation), start=1))
    return {
        "title": title,
        "subject": subject,
        "task": shortened(conversation.task, 200),
        "expected": _first_sentence(conversation.expected),
        "context": _first_sentence(context.strip().partition("\n")[0]),
        "points": "\n".join(points),
    }


def _title_and_subject(task: str) -> tuple[str, str]:
    """The instruction and its subject: `Write a letter to all: we move`."""
    paragraph = " ".join(re.sub(r"[#*_`>|]+", " ", task.strip().partition("\n\n")[0]).split())
    instruction, _, subject = paragraph.partition(": ")
    instruction = _first_sentence(instruction)
    title = shortened(_ASKING.sub("", instruction, count=1), 80) or instruction
    if re.search(r"\b(?:about|on|for|of)$", title):
        return capital(shortened(f"{title} {subject}", 120)), ""
    return capital(title), capital(shortened(subject, 200))


def _points(conversation: Conversation) -> list[str]:
    """The parts that the task lists, else the outline that fits any task."""
    parts = _LISTED.findall(conversation.task) or _LISTED.findall(conversation.expected)
    names = (shortened(part.strip(" .;,*"), 70) for part in parts[:_MOST_PARTS])
    return [f"**{capital(name)}**" for name in names] or list(_OUTLINE)


def _first_sentence(text: str) -> str:
    flat = " ".join(re.sub(r"[#*_`>|]+|^\s*-\s", " ", text, flags=re.MULTILINE).split())
    return shortened(re.split(r"(?<=[.!?])\s", flat, maxsplit=1)[0].rstrip("."), 140)
