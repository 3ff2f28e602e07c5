"""From a conversation to the text of the next answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, assert_never

from crew_runner.models.drafter import analysis, generic, markdown, plan, revise, strategy
from crew_runner.models.drafter.brief import Brief, language_named, language_of, read
from crew_runner.models.drafter.conversation import Conversation, Deliverable
from crew_runner.models.drafter.facts import Context
from crew_runner.models.drafter.markdown import Document
from crew_runner.models.drafter.words import other_language, words

_ASKS_READY: Final = "NOT READY"
_READY: Final = "READY: I am ready to execute the task."
"""What an agent that plans first has to hear; without it CrewAI asks again without end."""


def answer(conversation: Conversation) -> str:
    """The whole answer, in the form that the prompt asks for."""
    text = markdown.render(_document(conversation))
    if _ASKS_READY in conversation.task:
        return f"{text}\n\n{_READY}"
    if conversation.final_answer_marked:
        return f"Thought: I now can give a great answer\nFinal Answer: {text}"
    return text


def first_draft(conversation: Conversation, language: str) -> Document:
    """The draft before anybody has said anything about it, in `language` (a code)."""
    deliverable = conversation.deliverable
    if deliverable is None:
        return generic.generic(conversation, words(language))
    brief = read(conversation.request, conversation.background, language=language)
    document = _deliver(deliverable, brief, Context(conversation.context, brief))
    asked = other_language(conversation.language)
    if asked is None or language_named(conversation.language):
        return document
    note = brief.speech.text("language.not_spoken", asked=asked)
    return replace(document, lead=(plan.label(brief.speech, note), *document.lead[1:]))


def language_for(conversation: Conversation) -> str:
    """The language asked for; else that of the texts handed on, which follow the request."""
    named = language_named(conversation.language)
    if named:
        return named
    if conversation.deliverable is None:
        return generic.language(conversation)
    return language_of(conversation.context or conversation.request)


def _document(conversation: Conversation) -> Document:
    if conversation.feedback and conversation.answer:
        return revise.revised(conversation, lambda code: first_draft(conversation, code))
    language = language_for(conversation)
    return revise.kept_to(conversation, first_draft(conversation, language), language)


def _deliver(deliverable: Deliverable, brief: Brief, context: Context) -> Document:
    match deliverable:
        case Deliverable.PLAN:
            return plan.plan(brief)
        case Deliverable.SENTIMENT:
            return analysis.sentiment(brief, context)
        case Deliverable.TRENDS:
            return analysis.trends(brief, context)
        case Deliverable.DRAFT:
            return strategy.draft(brief, context)
        case Deliverable.FINAL:
            return strategy.final(brief, context)
        case _:
            assert_never(deliverable)
