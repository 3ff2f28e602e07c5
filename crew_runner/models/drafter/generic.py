"""A draft for tasks of other crews: what was asked, a first answer, what comes next."""

from __future__ import annotations

import re

from crew_runner.models.drafter.brief import language_of
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.markdown import Block, Bullets, Document, Paragraph
from crew_runner.models.drafter.plan import label, section
from crew_runner.models.drafter.words import LABEL, Words, words

_LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+)$", re.MULTILINE)


def generic(conversation: Conversation, speech: Words) -> Document:
    """Built from the task's description, its expected output and its context, point by point."""
    topic = _headline(conversation.task)
    points = _points(conversation, topic)
    blocks: list[Block] = [Paragraph(speech.text("generic.about", task=topic))]
    if conversation.context:
        heard = _headline(_without_label(conversation.context))
        blocks.append(Paragraph(speech.text("generic.context", context=heard)))
    work: list[Block] = [Bullets(points, numbered=True)]
    expected = _headline(conversation.expected)
    if expected:
        work.append(Paragraph(speech.text("generic.expected", expected=expected)))
    return Document(
        title=topic,
        lead=(label(speech), *blocks),
        sections=(
            section(speech, "work", *work),
            section(speech, "next", Bullets(speech.lines("generic.next"))),
        ),
    )


def language(conversation: Conversation) -> str:
    return language_of(f"{conversation.task}\n{conversation.expected}")


def summary(conversation: Conversation) -> str:
    """What a conversation is about, in one line; the last thing said counts most."""
    last = conversation.feedback[-1] if conversation.feedback else conversation.task
    return " ".join(last.split())[-400:]


def _points(conversation: Conversation, topic: str) -> tuple[str, ...]:
    """The points that the task itself lists, else three that fit any task."""
    listed = _LISTED.findall(conversation.task) or _LISTED.findall(conversation.expected)
    speech = words(language(conversation))
    if listed:
        return tuple(f"**{_short(point, 80)}** {_short(topic, 80)}." for point in listed[:8])
    return speech.lines("generic.points", topic=topic)


def _headline(text: str) -> str:
    """The first sentence of a text, on one line, cut at a word."""
    flat = " ".join(re.sub(r"[#*_`>|]+", " ", text).split())
    sentence = re.split(r"(?<=[.!?])\s", flat, maxsplit=1)[0] if flat else ""
    return _short(sentence.rstrip("."), 120)


def _without_label(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if LABEL not in line)


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
