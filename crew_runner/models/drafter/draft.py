"""Drafts the next answer in a conversation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from crew_runner.models.drafter import brief, document, generic, revise
from crew_runner.models.drafter.conversation import Conversation
from crew_runner.models.drafter.document import Document
from crew_runner.models.drafter.label import label_line, labelled

_ASKS_READY: Final = "NOT READY"
_READY: Final = "READY: I am ready to execute the task."
"""What a planning agent has to read; without it, CrewAI keeps asking."""

_TEMPLATES: Final = Path(__file__).parent / "templates"
_GENERIC: Final = (_TEMPLATES / "generic.md").read_text(encoding="utf-8")
_PLAN: Final = {
    path.stem.replace("-", " "): path.read_text(encoding="utf-8")
    for path in (_TEMPLATES / "plan").glob("*.md")
}
"""The templates of the shipped crew by deliverable."""

_LONGER: Final = "<!-- longer -->"
"""The text after this mark in a template is added if a longer text is requested."""

_SLOT: Final = re.compile(r"\{(\w+)\}")


def answer(conversation: Conversation) -> str:
    """The whole answer, in the form that the prompt asks for."""
    text = document.render(_document(conversation))
    if _ASKS_READY in conversation.task:
        return f"{text}\n\n{_READY}"
    if conversation.final_answer_marked:
        return f"Thought: I now can give a great answer\nFinal Answer: {text}"
    return text


def _document(conversation: Conversation) -> Document:
    usual, more = _filled(conversation)
    label = label_line(conversation.language)
    if conversation.answer and conversation.feedback:
        before = document.parse(conversation.answer)
        return revise.revised(before, conversation.feedback[-1], label=label, more=more.sections)
    first = replace(usual, head=labelled(usual.head, label))
    return revise.after_earlier_reviews(
        first, conversation.lessons, conversation.context, more=more.sections
    )


def _filled(conversation: Conversation) -> tuple[Document, Document]:
    """The template with its slots filled, and the additions for a longer text."""
    if template := _PLAN.get(conversation.deliverable):
        slots = brief.slots(conversation.request, conversation.background)
    else:
        template, slots = _GENERIC, generic.slots(conversation)
    usual, _, more = template.partition(_LONGER)
    return document.parse(_fill(usual, slots)), document.parse(_fill(more, slots))


def _fill(template: str, slots: dict[str, str]) -> str:
    """The template with a text in each slot; a line with an empty slot is left out."""
    lines = (
        _SLOT.sub(lambda slot: slots[slot[1]], line)
        for line in template.splitlines()
        if all(slots[name] for name in _SLOT.findall(line))
    )
    return "\n".join(lines)
