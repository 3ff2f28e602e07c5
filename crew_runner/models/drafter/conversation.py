"""What a crew asks for: the task, its context, and what people said about earlier answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_TASK = "Current Task:"
_EXPECTED = "This is the expected criteria for your final answer:"
_MUST = "you MUST return the actual complete content"
_CONTEXT = "This is the context you're working with:"
_ENDS = (
    "Provide your complete response:",
    "Begin! This is VERY important to you",
    "# Memories from past conversations:",
)
_FEEDBACK = (  # the ways in which the framework puts a reviewer's words
    re.compile(r"^\s*You got human feedback on your work[^\n]*\n\s*(.*)$", re.DOTALL),
    re.compile(
        r"^\s*User feedback:\s*(.*?)(?:\s*\nInstructions: Use this feedback.*)?$", re.DOTALL
    ),
    re.compile(r"^\s*Current Task:\s*(.*?)(?:\s*Provide your complete response:.*)?$", re.DOTALL),
)
_PROMPTS = (  # what the framework itself says between two answers
    "Analyze the tool result",
    "I did it wrong",
    "Sorry, I didn't use the right format",
    "Now it's time you MUST give your absolute best final answer",
    "Tool Result:",
    "Observation:",
)
_RENEWED = "What this builds on was revised as well."
"""How the runner hands on a text that was revised together with the one that builds on it."""
_BETWEEN = "\n\n----------\n\n"
_LESSONS = "Lessons from earlier reviews. Keep to them:"
_TAGGED = re.compile(r"<(request|background|language)>\s*(.*?)\s*</\1>", re.DOTALL)
_FINAL = re.compile(r"Final Answer:\s*", re.IGNORECASE)


class Deliverable(StrEnum):
    """What the content plan's tasks hand over, by the first line of their descriptions."""

    PLAN = "content plan"
    SENTIMENT = "sentiment analysis"
    TRENDS = "trend research"
    DRAFT = "draft strategy"
    FINAL = "final strategy"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One call, understood. `answer` is the earlier answer that `feedback` speaks of."""

    task: str
    expected: str
    context: str
    deliverable: Deliverable | None
    lessons: tuple[str, ...]
    request: str
    background: str
    language: str
    answer: str | None
    feedback: tuple[str, ...]
    final_answer_marked: bool
    system: str


def read(messages: Iterable[Mapping[str, Any]]) -> Conversation:
    """Take the messages of a chat completion apart; each `content` may be text or parts."""
    said = [(str(m.get("role", "user")), text_of(m.get("content"))) for m in messages]
    system = "\n".join(text for role, text in said if role in {"system", "developer"})
    turns = [(role, text) for role, text in said if role in {"user", "assistant"} and text]
    renewed = [text.partition(":")[2] for _, text in turns if text.startswith(_RENEWED)]
    turns = [(role, text) for role, text in turns if not text.startswith(_RENEWED)]
    asked = next((text for role, text in turns if role == "user"), system)
    answers = [n for n, (role, _) in enumerate(turns) if role == "assistant"]
    feedback = [
        _words_of(text)
        for role, text in turns[answers[0] + 1 if answers else len(turns) :]
        if role == "user" and not text.strip().startswith(_PROMPTS)
    ]
    task, expected, context = _parts(asked)
    task, _, lessons = task.partition(_LESSONS)
    tags = dict(_TAGGED.findall(task))
    return Conversation(
        task=task.strip(),
        expected=expected,
        context=_BETWEEN.join([*(text.strip() for text in reversed(renewed)), context]).strip(),
        deliverable=_deliverable(task),
        lessons=tuple(
            line.strip()[2:] for line in lessons.splitlines() if line.strip()[:2] == "- "
        ),
        request=tags.get("request", ""),
        background="" if tags.get("background") == "None given." else tags.get("background", ""),
        language=tags.get("language", ""),
        answer=_bare_answer(turns[answers[-1]][1]) if answers and feedback else None,
        feedback=tuple(f for f in feedback if f),
        final_answer_marked="Final Answer:" in system + asked,
        system=system,
    )


def _words_of(text: str) -> str:
    """What the reviewer said, without the sentences that the framework puts around it."""
    found = (match.group(1) for shape in _FEEDBACK if (match := shape.match(text)))
    return next(found, text).strip()


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(p.get("text", "")) for p in content if isinstance(p, Mapping))
    return ""


def _parts(asked: str) -> tuple[str, str, str]:
    """A prompt's description, expected output and context."""
    text = asked.partition(_TASK)[2] if _TASK in asked else asked
    for end in _ENDS:
        text = text.partition(end)[0]
    text, _, context = text.partition(_CONTEXT)
    task, _, expected = text.partition(_EXPECTED)
    return task.strip(), expected.partition(_MUST)[0].strip(), context.strip()


def _deliverable(task: str) -> Deliverable | None:
    match = re.match(r"\s*Deliverable:\s*(.+)", task)
    named = match.group(1).strip().casefold() if match else ""
    return next((d for d in Deliverable if d == named), None)


def _bare_answer(text: str) -> str:
    """An earlier answer without the words around it that some prompts ask for."""
    return _FINAL.split(text, maxsplit=1)[-1].strip()
