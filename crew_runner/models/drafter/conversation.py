"""Parses a crew's messages: the task, its context, and the feedback on earlier answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

_TASK: Final = "Current Task:"
_EXPECTED: Final = "This is the expected criteria for your final answer:"
_MUST: Final = "you MUST return the actual complete content"
_CONTEXT: Final = "This is the context you're working with:"
_ENDS: Final = (
    "Provide your complete response:",
    "Begin! This is VERY important to you",
    "# Memories from past conversations:",
)
_FEEDBACK: Final = (  # the ways in which CrewAI passes on a reviewer's words
    re.compile(r"^\s*You got human feedback on your work[^\n]*\n\s*(.*)$", re.DOTALL),
    re.compile(
        r"^\s*User feedback:\s*(.*?)(?:\s*\nInstructions: Use this feedback.*)?$", re.DOTALL
    ),
    re.compile(r"^\s*Current Task:\s*(.*?)(?:\s*Provide your complete response:.*)?$", re.DOTALL),
)
_PROMPTS: Final = (  # what CrewAI itself says between two answers
    "Analyze the tool result",
    "I did it wrong",
    "Sorry, I didn't use the right format",
    "Now it's time you MUST give your absolute best final answer",
    "Tool Result:",
    "Observation:",
)
_RENEWED: Final = "A text that this one builds on was revised as well."
"""The start of the runner's message with a revised text that this one builds on."""
_BETWEEN: Final = "\n\n----------\n\n"
_LESSONS: Final = "Lessons from earlier reviews. Keep to them:"
_TAGGED: Final = re.compile(r"<(request|background|language)>\s*(.*?)\s*</\1>", re.DOTALL)
_DELIVERABLE: Final = re.compile(r"\s*Deliverable:\s*(.+)")
_FINAL: Final = re.compile(r"Final Answer:\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Conversation:
    """One parsed call. `answer` is the earlier answer that `feedback` is about.

    `deliverable`: what a task of the shipped crew makes, such as `content plan`, else empty.
    """

    task: str
    expected: str
    context: str
    deliverable: str
    lessons: tuple[str, ...]
    request: str
    background: str
    language: str
    answer: str | None
    feedback: tuple[str, ...]
    final_answer_marked: bool


def read(messages: Iterable[Mapping[str, Any]]) -> Conversation:
    """Parse the messages of a chat completion; each `content` may be text or parts."""
    dialogue = [(str(m.get("role", "user")), text_of(m.get("content"))) for m in messages]
    system = "\n".join(text for role, text in dialogue if role in {"system", "developer"})
    turns = [(role, text) for role, text in dialogue if role in {"user", "assistant"} and text]
    renewed = [text.partition(":")[2] for _, text in turns if text.startswith(_RENEWED)]
    turns = [(role, text) for role, text in turns if not text.startswith(_RENEWED)]
    prompt = next((text for role, text in turns if role == "user"), system)
    answers = [n for n, (role, _) in enumerate(turns) if role == "assistant"]
    feedback = [
        _reviewers_words(text)
        for role, text in turns[answers[0] + 1 if answers else len(turns) :]
        if role == "user" and not text.strip().startswith(_PROMPTS)
    ]
    task, expected, context = _parts(prompt)
    task, _, lessons = task.partition(_LESSONS)
    tags = dict(_TAGGED.findall(task))
    background = tags.get("background", "")
    return Conversation(
        task=task.strip(),
        expected=expected,
        context=_BETWEEN.join([*(text.strip() for text in reversed(renewed)), context]).strip(),
        deliverable=name[1].strip().casefold() if (name := _DELIVERABLE.match(task)) else "",
        lessons=tuple(
            line.strip()[2:] for line in lessons.splitlines() if line.strip()[:2] == "- "
        ),
        request=tags.get("request", ""),
        background="" if background == "None given." else background,
        language=tags.get("language", ""),
        answer=_FINAL.split(turns[answers[-1]][1], maxsplit=1)[-1].strip()
        if answers and feedback
        else None,
        feedback=tuple(words for words in feedback if words),
        final_answer_marked="Final Answer:" in system + prompt,
    )


def text_of(content: object) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(p.get("text", "")) for p in content if isinstance(p, Mapping))
    return ""


def _reviewers_words(text: str) -> str:
    """The reviewer's feedback, without the sentences that CrewAI puts around it."""
    matches = (shape.match(text) for shape in _FEEDBACK)
    return next((match[1] for match in matches if match), text).strip()


def _parts(prompt: str) -> tuple[str, str, str]:
    """A prompt's description, expected output and context."""
    text = prompt.partition(_TASK)[2] if _TASK in prompt else prompt
    for end in _ENDS:
        text = text.partition(end)[0]
    text, _, context = text.partition(_CONTEXT)
    task, _, expected = text.partition(_EXPECTED)
    return task.strip(), expected.partition(_MUST)[0].strip(), context.strip()
