"""CrewAI's human input provider, without a console.

CrewAI calls a provider at each point where a person may give feedback. This one reopens a saved
conversation with the reviewer's feedback, and accepts the answers of `human_input=True` tasks
unchanged, because the person gives feedback at the checkpoint after the phase.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from crewai import Task
from crewai.agents.parser import AgentFinish
from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_guardrail_events import LLMGuardrailCompletedEvent
from crewai.tasks.task_output import TaskOutput
from crewai.utilities.types import LLMMessage

from ..crewai_internals import feedback_message
from ..older_crewai import (
    AsyncExecutorContext,
    ExecutorContext,
    SyncHumanInputProvider,
)

_REVISED = (
    "A text that this one builds on was revised as well. The new version of {name}:\n\n{output}"
)

_EDITED = (
    "The reviewer has edited your last answer. Above is the text as it reads now: start from it, "
    "and keep the reviewer's words unless the feedback asks for something else."
)

_EDITED_BEFORE = (
    "The reviewer has edited a text that this one builds on. {name} reads now:\n\n{output}"
)

_REJECTED = (
    "Your last answer did not pass a check: {complaint}\n\nAnswer once more, in full, so that it "
    "passes and still does what the feedback asked for."
)


@dataclass(frozen=True, slots=True)
class ReopenedTask:
    """A task to revise: its earlier output and the revised tasks that it builds on.

    `is_edited`: a reviewer wrote the earlier output. `edited` are the tasks that it builds on and
    whose outputs a reviewer wrote afterwards.
    """

    earlier: TaskOutput
    builds_on: tuple[Task, ...] = ()
    is_edited: bool = False
    edited: tuple[Task, ...] = ()


@dataclass(slots=True)
class Conversations(SyncHumanInputProvider):
    """Reopens the conversations of a revision. `reopened` is by task id, empty without a revision.

    It is also a stream sink, to receive the answers that did not pass a guardrail, after which
    CrewAI starts another attempt.
    """

    feedback: str = ""
    reopened: Mapping[UUID, ReopenedTask] = field(default_factory=dict)
    complaints: dict[UUID, str] = field(default_factory=dict)

    def __call__(self, source: object, event: BaseEvent) -> None:
        if isinstance(event, LLMGuardrailCompletedEvent) and isinstance(source, Task):
            if event.success:
                self.complaints.pop(source.id, None)
            else:
                self.complaints[source.id] = event.error or "no reason was given"

    def setup_messages(self, context: ExecutorContext) -> bool:
        """Load the saved conversation and add the feedback; one model call follows."""
        reopened = self._reopened(context)
        if reopened is None or context.task is None:
            return False
        complaint = self.complaints.get(context.task.id)
        if complaint is not None:
            context.messages = [
                *_last_messages(context),
                _user_message(_REJECTED.format(complaint=complaint)),
            ]
            return True
        if not getattr(reopened.earlier, "messages", None):  # CrewAI 1.4 and older keep none
            return False
        messages = _with_answer(reopened.earlier, is_edited=reopened.is_edited)
        context.messages = [*messages, *self._new_messages(context, reopened)]
        return True

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """If no conversation was saved, continue the new one from the earlier answer."""
        reopened = self._reopened(context)
        if reopened is not None:
            answer = _assistant_message(reopened.earlier.raw)
            context.messages.extend([answer, *self._new_messages(context, reopened)])

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        context.ask_for_human_input = False
        return formatted_answer

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        return self.handle_feedback(formatted_answer, context)

    def _reopened(self, context: ExecutorContext) -> ReopenedTask | None:
        return self.reopened.get(context.task.id) if context.task is not None else None

    def _new_messages(self, context: ExecutorContext, reopened: ReopenedTask) -> list[LLMMessage]:
        revised = [
            _user_message(_REVISED.format(name=task.name, output=task.output.raw))
            for task in reopened.builds_on
            if task.output is not None
        ]
        edited = [
            _user_message(_EDITED_BEFORE.format(name=task.name, output=task.output.raw))
            for task in reopened.edited
            if task.output is not None
        ]
        own = [_user_message(_EDITED)] if reopened.is_edited else []
        return [*own, *edited, *revised, feedback_message(context, self.feedback)]


def _with_answer(earlier: TaskOutput, *, is_edited: bool) -> list[LLMMessage]:
    """The saved conversation, ending with the answer that the reviewer saw.

    A guardrail or an output model may have changed the agent's text, and so may a reviewer, whose
    text takes the place of the answer: even a shorter one that is part of it.
    """
    messages = [_copy(message) for message in earlier.messages]
    last = messages[-1]
    if last["role"] != "assistant":
        return [*messages, _assistant_message(earlier.raw)]
    if not is_edited and earlier.raw in str(last["content"]):
        return messages
    return [*messages[:-1], _assistant_message(earlier.raw)]


def _last_messages(context: ExecutorContext) -> list[LLMMessage]:
    return [_copy(message) for message in context.agent.last_messages]


def _assistant_message(text: str) -> LLMMessage:
    return {"role": "assistant", "content": text}


def _user_message(text: str) -> LLMMessage:
    return {"role": "user", "content": text}


def _copy(message: LLMMessage) -> LLMMessage:
    return message.copy()
