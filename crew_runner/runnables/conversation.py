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
from crewai.hooks.dispatch import HookAborted
from crewai.tasks.task_output import TaskOutput
from crewai.utilities.types import LLMMessage

from crew_runner.failures import CrewProblem

_CHANGED = "What this builds on was revised as well. The new version of {name}:\n\n{output}"


@dataclass(frozen=True, slots=True)
class Reopened:
    """A task to revise: its earlier output, and the revised tasks that it builds on."""

    earlier: TaskOutput
    builds_on: tuple[Task, ...] = ()


@dataclass(slots=True)
class Conversations(SyncHumanInputProvider):
    """`reopened`: by the id of the task. Empty outside of a revision."""

    feedback: str = ""
    reopened: Mapping[UUID, Reopened] = field(default_factory=dict)

    def setup_messages(self, context: ExecutorContext) -> bool:
        """Load the saved conversation and add the reviewer's words: one model call follows."""
        reopened = self._reopened(context)
        if reopened is None or not reopened.earlier.messages:
            return False
        messages = [_copy(message) for message in reopened.earlier.messages]
        context.messages = [*messages, *self._added(context, reopened, messages)]
        return True

    def post_setup_messages(self, context: ExecutorContext) -> None:
        """Where no conversation was saved, the new one goes on from the earlier answer."""
        reopened = self._reopened(context)
        if reopened is not None:
            context.messages.extend(self._added(context, reopened, context.messages))

    def handle_feedback(
        self, formatted_answer: AgentFinish, context: ExecutorContext
    ) -> AgentFinish:
        context.ask_for_human_input = False
        return formatted_answer

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        return self.handle_feedback(formatted_answer, context)

    def _reopened(self, context: ExecutorContext) -> Reopened | None:
        return self.reopened.get(context.task.id) if context.task is not None else None

    def _added(
        self, context: ExecutorContext, reopened: Reopened, messages: list[LLMMessage]
    ) -> list[LLMMessage]:
        answer: LLMMessage = {"role": "assistant", "content": reopened.earlier.raw}
        said = messages and messages[-1]["role"] == "assistant"
        changed: list[LLMMessage] = [
            {"role": "user", "content": _CHANGED.format(name=task.name, output=task.output.raw)}
            for task in reopened.builds_on
            if task.output is not None
        ]
        words = context._format_feedback_message(self.feedback)
        return [*([] if said else [answer]), *changed, words]


class NobodyThere(SyncHumanInputProvider):
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
        raise PassedOver(context.task.name if context.task is not None else None)

    async def handle_feedback_async(
        self, formatted_answer: AgentFinish, context: AsyncExecutorContext
    ) -> AgentFinish:
        return self.handle_feedback(formatted_answer, context)


class PassedOver(CrewProblem, HookAborted):
    """A task asks for a person where none can be asked. Agents do not catch what aborts them."""

    def __init__(self, task: str | None) -> None:
        super().__init__(
            f"Task {task or 'without a name'} has human_input=True inside a flow. A flow asks at "
            "its own gates: put @human_feedback on the method that runs the crew."
        )


def _copy(message: LLMMessage) -> LLMMessage:
    return message.copy()
