"""The human's part in an agent's conversation, without a console.

CrewAI asks a provider whenever a person might speak. This one re-opens a saved conversation with
the reviewer's words, and takes the answers of `human_input=True` tasks as they are: the checkpoint
after the phase is where a person speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from crewai import Task
from crewai.agents.parser import AgentFinish
from crewai.core.providers.human_input import (
    AsyncExecutorContext,
    ExecutorContext,
    SyncHumanInputProvider,
)
from crewai.events.base_events import BaseEvent
from crewai.events.types.llm_guardrail_events import LLMGuardrailCompletedEvent
from crewai.hooks.dispatch import HookAborted
from crewai.tasks.task_output import TaskOutput
from crewai.utilities.types import LLMMessage

from crew_runner.child.crewai_internals import feedback_message
from crew_runner.child.failures import CrewProblem

_CHANGED = "What this builds on was revised as well. The new version of {name}:\n\n{output}"

_UNFIT = (
    "Your last answer did not pass a check: {complaint}\n\nAnswer once more, in full, so that it "
    "passes and still does what the feedback asked for."
)


@dataclass(frozen=True, slots=True)
class ReopenedTask:
    """A task to revise: its earlier output, and the revised tasks that it builds on."""

    earlier: TaskOutput
    builds_on: tuple[Task, ...] = ()


@dataclass(slots=True)
class Conversations(SyncHumanInputProvider):
    """`reopened`: by the id of the task. Empty outside of a revision.

    It is also a stream sink: so it hears which answers did not pass a guardrail, after which
    CrewAI asks for another one.
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
        """Load the saved conversation and add the reviewer's words: one model call follows."""
        reopened = self._reopened(context)
        if reopened is None or context.task is None:
            return False
        complaint = self.complaints.get(context.task.id)
        if complaint is not None:
            context.messages = [*_last_said(context), _asks(_UNFIT.format(complaint=complaint))]
            return True
        if not reopened.earlier.messages:
            return False
        messages = _with_answer(reopened.earlier)
        context.messages = [*messages, *self._added(context, reopened)]
        return True

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """Where no conversation was saved, the new one goes on from the earlier answer."""
        reopened = self._reopened(context)
        if reopened is not None:
            answer = _says(reopened.earlier.raw)
            context.messages.extend([answer, *self._added(context, reopened)])

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

    def _added(self, context: ExecutorContext, reopened: ReopenedTask) -> list[LLMMessage]:
        changed = [
            _asks(_CHANGED.format(name=task.name, output=task.output.raw))
            for task in reopened.builds_on
            if task.output is not None
        ]
        return [*changed, feedback_message(context, self.feedback)]


def _with_answer(earlier: TaskOutput) -> list[LLMMessage]:
    """The saved conversation, ending with the answer that the reviewer saw.

    A guardrail or a model class may have made another text of what the agent said.
    """
    messages = [_copy(message) for message in earlier.messages]
    last = messages[-1]
    if last["role"] != "assistant":
        return [*messages, _says(earlier.raw)]
    if earlier.raw in str(last["content"]):
        return messages
    return [*messages[:-1], _says(earlier.raw)]


def _last_said(context: ExecutorContext) -> list[LLMMessage]:
    return [_copy(message) for message in context.agent.last_messages]


def _says(text: str) -> LLMMessage:
    return {"role": "assistant", "content": text}


def _asks(text: str) -> LLMMessage:
    return {"role": "user", "content": text}


class InputRefused(SyncHumanInputProvider):
    """For crews inside a flow: there is no checkpoint for what their tasks ask a person."""

    def setup_messages(self, context: ExecutorContext) -> bool:
        del context
        return False

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """Nothing was said before."""

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        del formatted_answer
        raise HumanInputInFlow(context.task.name if context.task is not None else None)

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        return self.handle_feedback(formatted_answer, context)


class HumanInputInFlow(CrewProblem, HookAborted):
    """A task asks for a person where none can be asked. Agents do not catch what aborts them."""

    def __init__(self, task: str | None) -> None:
        super().__init__(
            f"Task {task or 'without a name'} has human_input=True inside a flow. A flow asks at "
            "its own gates: put @human_feedback on the method that runs the crew."
        )


def _copy(message: LLMMessage) -> LLMMessage:
    return message.copy()
