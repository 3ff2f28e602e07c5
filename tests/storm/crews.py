"""The crews of a storm: in CrewAI's own forms, with three tasks each, of which every task needs
what the ones before it gave."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Process, Task
from crewai.llms.base_llm import BaseLLM
from crewai.project import CrewBase, agent, crew, task
from crewai.utilities.types import LLMMessage

from tests.storm.slips import EFFECTS, PARTS, answer


class Writer(BaseLLM):
    """A model in the crew's own process: it answers with a slip."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        asked = [messages] if isinstance(messages, str) else [str(m["content"]) for m in messages]
        slip = answer(Path(os.environ[EFFECTS]), "\n".join(asked))
        return f"Thought: I know\nFinal Answer: {slip}"


@CrewBase
class StormCrew:
    """Its agent and tasks stand in files; its model is the operator's."""

    agents_config: Any = "agents.yaml"
    tasks_config: Any = "tasks.yaml"
    agents: list[Agent]
    tasks: list[Task]

    @agent
    def writer(self) -> Agent:
        return Agent(config=self.agents_config["writer"], max_retry_limit=0)

    @task
    def first(self) -> Task:
        return Task(**self.tasks_config["first"])

    @task
    def second(self) -> Task:
        return Task(**self.tasks_config["second"])

    @task
    def third(self) -> Task:
        return Task(**self.tasks_config["third"])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=[*self.agents], tasks=self.tasks, process=Process.sequential)


def plain() -> Crew:
    """A function that returns a crew."""
    return _crew(asking=())


def asking() -> Crew:
    """Two of its tasks ask for a person with `human_input`."""
    return _crew(asking=("first", "second"))


def one_part(part: str, about: str) -> Crew:
    """A crew of one task, for use within a flow."""
    writer = _writer()
    return Crew(agents=[writer], tasks=[_task(part, writer, about=about)])


def _crew(*, asking: tuple[str, ...]) -> Crew:
    writer = _writer()
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
        expected_output="a slip",
        agent=writer,
        **more,
    )
