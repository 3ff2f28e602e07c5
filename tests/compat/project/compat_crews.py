"""A project's crews, for every version of CrewAI. Its model is a class of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool


class Scripted(BaseLLM):
    """Records each conversation, and answers `answer N`; first it uses the tool, if it has one."""

    def call(self, messages: Any, *_arguments: Any, **_named: Any) -> str:
        texts = [messages] if isinstance(messages, str) else [str(m["content"]) for m in messages]
        with Path(os.environ["COMPAT_FOLDER"], "conversations").open("a+") as record:
            record.seek(0)
            number = len(record.readlines()) + 1
            record.write(json.dumps(texts) + "\n")
        if "send_letter" in texts[0] and not any("letter sent" in text for text in texts):
            return 'Thought: I send it\nAction: send_letter\nAction Input: {"text": "Dear all"}'
        return f"Thought: I know\nFinal Answer: answer {number}"


@tool("send_letter")
def send_letter(text: str) -> str:
    """Send a letter."""
    with Path(os.environ["COMPAT_FOLDER"], "letters").open("a") as letters:
        letters.write(text + "\n")
    return "letter sent"


def _agent(llm: Any = None, **more: Any) -> Agent:
    llm = llm or Scripted(model="scripted")
    return Agent(role="writer", goal="to write", backstory="has written a lot", llm=llm, **more)


def _task(name: str, agent: Agent, **more: Any) -> Task:
    return Task(
        name=name,
        description=f"{name} something about {{user_input}}.",
        expected_output="a short text",
        agent=agent,
        **more,
    )


def two_tasks() -> Crew:
    agent = _agent()
    return Crew(agents=[agent], tasks=[_task("plan", agent), _task("write", agent)])


def asking() -> Crew:
    agent = _agent()
    return Crew(
        agents=[agent], tasks=[_task("plan", agent, human_input=True), _task("write", agent)]
    )


def with_tool() -> Crew:
    agent = _agent(tools=[send_letter])
    return Crew(agents=[agent], tasks=[_task("inform", agent)])


def with_named_model() -> Crew:
    """A crew whose model the operator replaces by another."""
    agent = _agent(llm="gpt-4o")
    return Crew(agents=[agent], tasks=[_task("write", agent)])
