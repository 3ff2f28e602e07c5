"""Passes a reviewer's words to the models that a method calls while it runs again.

The words apply to the whole process: crews start threads of their own, and while a method runs
again no other method of its flow does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_events import LLMCallCompletedEvent

from ..older_crewai import LLMCallHookContext

FEEDBACK: Final = (
    "User feedback: {words}\n"
    "Instructions: Use this feedback to enhance the next output iteration.\n"
    "Note: Do not respond or add commentary."
)
"""CrewAI's own wording around a reviewer's words."""

EARLIER: Final = (
    "This step was done before, and a person has reviewed its result. Do it again, so that the new "
    "result is what the person asks for.\n\nThe earlier result:\n\n{result}\n\n"
)

_CONTEXT: Final = "This is the context you're working with:"
"""What CrewAI writes before the outputs of the tasks that a task builds on."""

_OURS: Final = (FEEDBACK.partition("{")[0], EARLIER.partition("{")[0])


@dataclass(slots=True)
class Revision:
    """A reviewer's words about a method's `result`.

    `answers` are the last answers of the models that the method called, by the prompt that they
    answered. `carried` is whether a model call had the words.
    """

    words: str
    result: str
    answers: Mapping[str, str] = field(default_factory=dict)
    carried: bool = False

    def add_to(self, messages: list[Any]) -> None:
        """Add the words to a conversation, unless they are in it."""
        self.carried = True
        feedback = FEEDBACK.format(words=self.words)
        if any(feedback in _content(message) for message in messages):
            return
        answer = self.answers.get(_prompt_key(messages))
        if answer is not None:
            messages.append({"role": "assistant", "content": answer})
        elif self.result:
            feedback = EARLIER.format(result=self.result) + feedback
        messages.append({"role": "user", "content": feedback})


_active: Revision | None = None


@contextmanager
def revising(revision: Revision | None) -> Iterator[None]:
    """Add the words to all model calls of this process."""
    global _active  # noqa: PLW0603 hooks have no other access to it
    before, _active = _active, revision
    try:
        yield
    finally:
        _active = before


def add_words(context: LLMCallHookContext) -> None:
    """A hook before each model call."""
    if _active is not None:
        _active.add_to(context.messages)


class AnswerRecorder:
    """A stream sink that keeps the last answer to each prompt."""

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}

    def __call__(self, source: object, event: BaseEvent) -> None:
        del source
        if not isinstance(event, LLMCallCompletedEvent):
            return
        prompt, answer = event.messages, event.response
        if isinstance(prompt, list) and isinstance(answer, str) and answer.strip():
            self.answers[_prompt_key(prompt)] = answer


def _prompt_key(messages: Sequence[Any]) -> str:
    """The same for all calls of one conversation: its messages up to the first answer.

    The outputs of earlier tasks, which were revised as well, are left out.
    """
    prompt: list[str] = []
    for message in messages:
        if isinstance(message, Mapping) and message.get("role") not in ("system", "user"):
            break
        text = _content(message)
        if not text.startswith(_OURS):
            prompt.append(text.partition(_CONTEXT)[0])
    return hashlib.sha256("\n".join(prompt).encode(errors="replace")).hexdigest()[:32]


def _content(message: object) -> str:
    return str(message.get("content")) if isinstance(message, Mapping) else ""
