"""Crews in CrewAI's own forms, with three tasks each; every task needs the output of those before
it."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any, Final

from crewai import Agent, Crew, Process, Task
from crewai.llms.base_llm import BaseLLM
from crewai.project import CrewBase, agent, crew, task
from crewai.tools import tool
from crewai.utilities.types import LLMMessage

from tests.trouble.crews.effects import ASKED, EFFECTS, PARTS, answer, call

POSTED: Final = "The note is posted."
REFUSED: Final = "A person refused this call"


@tool("Post a note")
def post_a_note(token: str, memo: str) -> str:
    """Posts a note."""
    call(Path(os.environ[EFFECTS]), {"token": token, "memo": memo})
    return POSTED


class Writer(BaseLLM):
    """A model in the crew's own process: it answers with a marked text."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        text = answer(Path(os.environ[EFFECTS]), _text_of(messages))
        return f"Thought: I know\nFinal Answer: {text}"


class Poster(Writer):
    """Calls the tool before it writes the check part, unless that was refused."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> str:
        prompt = _text_of(messages)
        part, token = ASKED.findall(prompt)[-1]
        if part != "check" or POSTED in prompt or REFUSED in prompt:
            return super().call(messages, *others, **named)
        note = json.dumps({"token": token, "memo": f"<{secrets.token_hex(12)}> & `größer`"})
        return f"Thought: I post\nAction: post_a_note\nAction Input: {note}"


def _text_of(messages: str | list[LLMMessage]) -> str:
    if isinstance(messages, str):
        return messages
    return "\n".join(str(message["content"]) for message in messages)


@CrewBase
class WriterCrew:
    """A crew with its agent and tasks in files; the operator chooses its model."""

    agents_config: Any = "agents.yaml"
    tasks_config: Any = "tasks.yaml"
    agents: list[Agent]
    tasks: list[Task]

    @agent
    def writer(self) -> Agent:
        return Agent(config=self.agents_config["writer"], max_retry_limit=0)

    @task
    def draft(self) -> Task:
        return Task(**self.tasks_config["draft"])

    @task
    def check(self) -> Task:
        return Task(**self.tasks_config["check"])

    @task
    def finish(self) -> Task:
        return Task(**self.tasks_config["finish"])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=[*self.agents], tasks=self.tasks, process=Process.sequential)


def plain() -> Crew:
    """A function that returns a crew."""
    return _crew(asking=())


def asking() -> Crew:
    """A crew with two tasks that ask a person by `human_input`."""
    return _crew(asking=("draft", "check"))


def posting() -> Crew:
    """A crew whose writer uses a tool."""
    writer = Agent(
        role="writer",
        goal="to write",
        backstory="calm",
        llm=Poster(model="writer"),
        tools=[post_a_note],
    )
    return _crew(asking=(), writer=writer)


def one_part(part: str, about: str) -> Crew:
    """A crew of one task, for use within a flow."""
    writer = _writer()
    return Crew(agents=[writer], tasks=[_task(part, writer, about=about)])


def _crew(*, asking: tuple[str, ...], writer: Agent | None = None) -> Crew:
    writer = writer or _writer()
    tasks: list[Task] = []
    for part in PARTS:
        tasks.append(_task(part, writer, context=[*tasks], human_input=part in asking))
    return Crew(agents=[writer], tasks=tasks)


def _writer() -> Agent:
    return Agent(role="writer", goal="to write", backstory="calm", llm=Writer(model="writer"))


def _task(part: str, writer: Agent, *, about: str = "{user_input}", **more: Any) -> Task:
    return Task(
        name=part,
        description=f"Write the {part} part for {about}.",
        expected_output="a text",
        agent=writer,
        **more,
    )
