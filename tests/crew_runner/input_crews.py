"""Crews for tests of inputs: their model records what it is asked, and needs no network."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool

FOLDER = Path(os.environ.get("TESTS_FOLDER", "."))


class Listener(BaseLLM):
    """Records its conversations in the file `heard`."""

    def call(self, messages: Any, *_others: Any, **_named: Any) -> Any:
        with (FOLDER / "heard").open("a") as record:
            record.write(json.dumps([str(each["content"]) for each in messages]) + "\n")
        return "Thought: I know\nFinal Answer: done"


def _agent(**more: Any) -> Agent:
    texts = {"role": "writer", "goal": "to help", "backstory": "long", **more}
    return Agent(llm=Listener(model="listener"), **texts)


def _crew(*descriptions: str, agent: Agent | None = None, **more: Any) -> Crew:
    agent = agent or _agent()
    tasks = [
        Task(name=f"step_{number}", description=description, expected_output="a line", agent=agent)
        for number, description in enumerate(descriptions, start=1)
    ]
    return Crew(agents=[agent], tasks=tasks, **more)


def static() -> Crew:
    """Nothing in it is an input."""
    return _crew("Print ${HOME} and greet {{ name }}.")


def static_with_lessons() -> Crew:
    return _crew("Print ${HOME}.", "Print ${HOME} again.")


def lacks_an_input() -> Crew:
    return _crew("Write about {brand} and print ${HOME}.")


def quotes_the_request() -> Crew:
    return _crew("Write in {language}: {user_input}")


@tool("look_up")
def look_up(word: str) -> str:
    """Looks up a word."""
    return word


def role_quotes_the_request() -> Crew:
    agent = _agent(
        role="writer in {language}", goal="{user_input}", backstory="long", tools=[look_up]
    )
    return _crew("Write: {user_input}", agent=agent)


def file_named_by_the_request() -> Crew:
    crew = _crew("Write about {user_input}")
    crew.tasks[0].output_file = f"{FOLDER}/files/{{user_input}}-{{language}}.md"
    return crew


def _prepared(values: Callable[[], dict[str, Any]]) -> Crew:
    """Counts how often `before_kickoff` runs."""

    def prepare(inputs: dict[str, Any]) -> dict[str, Any]:
        with (FOLDER / "prepared").open("a") as record:
            record.write("x")
        count = len((FOLDER / "prepared").read_text())
        return {**inputs, "season": f"season {count}", **values()}

    crew = _crew("One: {user_input} in {season}.", "Two: {user_input} in {season}.")
    crew.before_kickoff_callbacks = [prepare]
    return crew


def prepares() -> Crew:
    return _prepared(dict)


def prepares_numbers() -> Crew:
    """JSON has no numbers as keys."""
    return _prepared(lambda: {"prices": {1: "one", 2: "two"}})


def asks_for_a_budget() -> Crew:
    """The second task's text has what the reviewer of the first one fills in, and so has an agent.

    Only the second task uses the agent.
    """
    buyer = _agent(role="buyer with {budget} euros")
    crew = _crew("Write: {user_input}", "Buy for {budget} in {place}, press: {press}. {note}")
    crew.tasks[1].agent = buyer
    crew.agents.append(buyer)
    return crew


def prepares_and_asks_for_a_budget() -> Crew:
    return _crew(
        "Write: {user_input}",
        "Buy for {budget} in {place}, press: {press}. {note}",
        before_kickoff_callbacks=[lambda inputs: {**inputs, "budget": "an old budget"}],
    )
