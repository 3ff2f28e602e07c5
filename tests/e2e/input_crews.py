"""A crew with inputs of its own, whose model repeats what it was asked."""

from __future__ import annotations

from typing import Any

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM

PROMPT = "Launch {topic} for {company} until {until}, {tone}, in {posts} posts"


class Echo(BaseLLM):
    def call(self, messages: Any, *_more: Any, **_named: Any) -> Any:
        prompt = str(messages[-1]["content"] if isinstance(messages, list) else messages)
        start = prompt.index("Launch ")
        return prompt[start : prompt.index(" posts", start)]


def launch() -> Crew:
    writer = Agent(role="Writer", goal="Write", backstory="You write.", llm=Echo(model="echo"))
    task = Task(
        name="write",
        description=PROMPT,
        expected_output="A plan",
        agent=writer,
        human_input=True,
    )
    return Crew(agents=[writer], tasks=[task])
