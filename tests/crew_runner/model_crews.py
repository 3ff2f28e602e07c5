"""Crews and a flow whose code names its own models, keys and addresses."""

from __future__ import annotations

import os
import threading
from typing import Any

from crewai import LLM, Agent, Crew, Flow, Process, Task
from crewai.agents.agent_builder.base_agent import BaseAgent
from crewai.flow.flow import start
from crewai.tools import tool


def _agent(role: str, llm: str | LLM | None, **more: object) -> Agent:
    return Agent(role=role, goal="to help", backstory="long", llm=llm, **more)


def _task(name: str, agent: BaseAgent | None) -> Task:
    about = f"Do {name} about {{user_input}}."
    return Task(name=name, description=about, expected_output="a line", agent=agent)


def plain() -> Crew:
    """Names no model."""
    agent = _agent("writer", None)
    return Crew(agents=[agent], tasks=[_task("write", agent)])


def stubborn() -> Crew:
    """Names no model, and repeats failed calls."""
    agent = _agent("writer", None, max_retry_limit=3)
    return Crew(agents=[agent], tasks=[_task("write", agent)])


def names_models() -> Crew:
    """Each agent names another provider's model; the first brings a key and an address too."""
    author = LLM(
        model="gpt-4o",
        api_key="sk-of-the-author",
        base_url=os.environ["AUTHORS_ADDRESS"],
        temperature=0.25,
    )
    agents: list[BaseAgent] = [
        _agent("first", author),
        _agent("second", "anthropic/claude-3-5-haiku-latest"),
        _agent("third", LLM(model="gemini/gemini-2.0-flash", api_key="of-the-author")),
        _agent("fourth", "ollama/llama3.2"),
    ]
    return Crew(
        agents=agents, tasks=[_task(str(number), agent) for number, agent in enumerate(agents)]
    )


def names_anthropics() -> Crew:
    """Brings a key and an address of Anthropic's."""
    author = LLM(
        model="anthropic/claude-3-5-haiku-latest",
        api_key="sk-of-the-author",
        base_url=os.environ["AUTHORS_ADDRESS"],
    )
    agent = _agent("writer", author)
    return Crew(agents=[agent], tasks=[_task("write", agent)])


@tool("weather")
def weather(place: str) -> str:
    """Tells the weather."""
    return f"rain in {place}"


def managed() -> Crew:
    """A manager with a model of its own leads agents with others, also for calling tools."""
    helper = _agent("helper", "gpt-4", tools=[weather], function_calling_llm="gpt-4o-mini")
    return Crew(
        agents=[helper],
        tasks=[_task("lead", None)],
        process=Process.hierarchical,
        manager_llm="gpt-4-turbo",
        function_calling_llm="gpt-4o-mini",
    )


class Asking(Flow[Any]):
    """Calls models that it builds itself, the second one in its own thread."""

    @start()
    def begin(self) -> str:
        answers: list[str] = []

        def ask() -> None:
            author = LLM(model="openai/gpt-4o", api_key="sk-of-the-author")
            answers.append(str(author.call("Say something.")))

        ask()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        return " ".join(answers)
