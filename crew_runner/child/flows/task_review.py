"""Tasks with `human_input=True` inside a flow: a person reviews the answer while the flow waits."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from typing import Any, Final

from crewai.agents.parser import AgentFinish

from ..crewai_internals import (
    continue_conversation,
    continue_conversation_async,
    feedback_message,
)
from ..failures import failure_of
from ..messages import QUESTION_CHECKPOINT
from ..monitoring.run_limits import RunLimits
from ..older_crewai import AsyncExecutorContext, ExecutorContext, SyncHumanInputProvider
from ..records import Action, Question, QuestionKind

_MAX_DESCRIPTION: Final = 120


class TaskReview(SyncHumanInputProvider):
    """Asks a person about each answer until it is accepted, as CrewAI does on a console."""

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        answer = formatted_answer
        while words := self._ask(answer, context):
            context.messages.append(feedback_message(context, words))
            answer = continue_conversation(context)
        context.ask_for_human_input = False
        return answer

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        answer = formatted_answer
        while words := await asyncio.to_thread(self._ask, answer, context):
            context.messages.append(feedback_message(context, words))
            answer = await continue_conversation_async(context)
        context.ask_for_human_input = False
        return answer

    def _ask(self, answer: AgentFinish, context: ExecutorContext) -> str:
        """What should change, or an empty text if the answer is accepted."""
        shown = self._get_output_string(answer)
        question = Question(
            kind=QuestionKind.TASK,
            name=QUESTION_CHECKPOINT,
            key=self._key(context.task, shown),
            message=f"Review: {_description(context.task)}",
            shown=shown,
        )
        try:
            decision = self._limits.ask(question)
        except Exception as error:  # noqa: BLE001 the agent would go on without a review
            self._limits.fail(failure_of(error))
        return decision.text.strip() if decision.action is Action.REVISE else ""

    def _key(self, task: Any, shown: str) -> str:
        """A key that is the same for the same repetition of an answer in another process."""
        text = f"{_description(task)}\n{shown}"
        digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:40]
        with self._lock:
            self._counts[digest] += 1
            return f"{digest}:{self._counts[digest]}"


def _description(task: Any) -> str:
    """The task's description, shortened, else its name."""
    text = " ".join(str(getattr(task, "description", "") or "").split())
    text = text or getattr(task, "name", None) or "the answer of a task"
    if len(text) <= _MAX_DESCRIPTION:
        return text
    return text[: _MAX_DESCRIPTION - 1].rstrip() + "…"
