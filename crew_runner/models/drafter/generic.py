"""A draft for tasks of other crews: from the description, the expected output and the context."""

from __future__ import annotations

import re

from crew_runner.models.drafter.brief import language_of
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.markdown import Block, Bullets, Document
from crew_runner.models.drafter.plan import label, section
from crew_runner.models.drafter.words import LABEL, LANGUAGES, Words, whole_words, words

_LISTED = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.+)$", re.MULTILINE)
_USUAL = 4
_MOST = 10


def generic(conversation: Conversation, speech: Words) -> Document:
    """As many points as were asked for, under the parts that were named, if any were."""
    heard = words(language(conversation))
    topic = _topic(conversation.task, heard)
    lead: list[Block] = [label(speech)]
    told = [speech.text("generic.about", task=_headline(conversation.task))]
    if conversation.expected:
        told.append(speech.text("generic.expected", expected=_headline(conversation.expected)))
    if conversation.context:
        before = _headline(_without_label(conversation.context).strip().partition("\n")[0])
        told.append(speech.text("generic.context", context=before))
    lead.append(Bullets(tuple(told)))
    return Document(
        title=topic[:1].upper() + topic[1:],
        lead=tuple(lead),
        sections=(
            section(speech, "work", Bullets(_points(conversation, speech), numbered=True)),
            section(speech, "next", Bullets(speech.lines("generic.next"))),
        ),
    )


def language(conversation: Conversation) -> str:
    return language_of(f"{conversation.task}\n{conversation.expected}")


def summary(conversation: Conversation) -> str:
    """What a conversation is about, in one line; the last thing said counts most."""
    last = conversation.feedback[-1] if conversation.feedback else conversation.task
    return " ".join(last.split())[-400:]


def _points(conversation: Conversation, speech: Words) -> tuple[str, ...]:
    views = speech.rows("generic.views")
    if parts := _parts(conversation):
        lines = speech.lines("generic.parts")
        return tuple(
            f"**{part[:1].upper()}{part[1:]}.** {lines[n % len(lines)]}"
            for n, part in enumerate(parts)
        )
    count = _count(conversation.expected) or _count(conversation.task) or _USUAL
    return tuple(f"**{name}.** {sentence}" for name, sentence in views[:count])


def _parts(conversation: Conversation) -> tuple[str, ...]:
    """The parts that the task names: as a list, or after a word such as `including`."""
    for text in (conversation.task, conversation.expected):
        if listed := _LISTED.findall(text):
            return tuple(_short(part.rstrip(".;,"), 70) for part in listed[:_MOST])
    announced = "|".join(words(code).text("generic.including") for code in LANGUAGES)
    ands = "|".join(words(code).text("language.and") for code in LANGUAGES)
    for text in (conversation.task, conversation.expected):
        match = re.search(rf"(?<!\w)(?:{announced})[:\s]+([^.\n;]+)", text, re.IGNORECASE)
        named = re.split(rf",\s*(?:(?:{ands})\s+)?|\s(?:{ands})\s", match.group(1)) if match else []
        if len(named) > 1:
            return tuple(_short(part, 70) for part in named[:_MOST] if part.strip())
    return ()


def _count(text: str) -> int | None:
    """How many of something a text asks for, if it asks for two to ten."""
    for code in LANGUAGES:
        spoken = list(words(code).lines("reading.numbers"))
        for said in re.findall(rf"(?<![\w-])(\d{{1,2}}|{'|'.join(spoken)})\s+[^\W\d]", text, re.I):
            count = int(said) if said.isdigit() else spoken.index(said.casefold()) + 1
            if 2 <= count <= _MOST:
                return count
    return None


def _topic(task: str, heard: Words) -> str:
    """What the task is about: its first sentence without the asking words at its beginning."""
    said = _headline(task)
    openers, verbs = heard.text("reading.openers"), heard.text("reading.verbs")
    announced = whole_words("|".join(words(c).text("generic.including") for c in LANGUAGES))
    if match := announced.search(said, 12):
        said = said[: match.start()].rstrip(" ,;:")
    for asking in (openers, verbs, heard.text("reading.articles")):
        said = re.sub(rf"^(?:(?:{asking})[\s,]+)+", "", said, flags=re.IGNORECASE)
    return _short(said, 80) or _headline(task)


def _headline(text: str) -> str:
    """The first sentence of a text, on one line, cut at a word."""
    flat = " ".join(re.sub(r"[#*_`>|]+|^\s*-\s", " ", text, flags=re.MULTILINE).split())
    sentence = re.split(r"(?<=[.!?])\s", flat, maxsplit=1)[0] if flat else ""
    return _short(sentence.rstrip("."), 140)


def _without_label(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if LABEL not in line)


def _short(text: str, most: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
