"""Crews that use many of CrewAI's features. Their models are classes and need no network."""

import json
import os
import re
from pathlib import Path
from typing import Any, ClassVar

from chromadb.api.types import EmbeddingFunction
from crewai import Agent, Crew, Process, Task
from crewai.crews.crew_output import CrewOutput
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource
from crewai.project import CrewBase, after_kickoff, agent, before_kickoff, crew, task
from crewai.rag.embeddings.providers.custom.embedding_callable import CustomEmbeddingFunction
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tools import tool
from crewai.utilities.types import LLMMessage
from pydantic import BaseModel

from tests.crew_runner.crews import Scribe


class Count(BaseModel):
    shops: int
    town: str


class Row(BaseModel):
    label: str
    number: int


def note(subject: str, line: str) -> None:
    """Record what a crew did, one line each, for the test to read."""
    with Path(os.environ["TESTS_FOLDER"], f"{subject}.did").open("a") as log:
        log.write(line + "\n")


@tool("count_shops")
def count_shops(town: str, least: int) -> str:
    """Counts the shops of a town that have at least so many bicycles."""
    note("tool", f"{town} {least!r}")
    return "seven shops found"


def text_of(messages: str | list[LLMMessage]) -> str:
    if isinstance(messages, str):
        return messages
    return "\n".join(str(message["content"]) for message in messages)


class Clerk(Scribe):
    """Answers each task of the survey in its form."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> str:
        answer = super().call(messages, *others, **named)
        text = text_of(messages)
        if "Do count about" in text:
            if "seven shops found" not in text:
                arguments = {"town": "Ulm", "least": 3}
                return f"Thought: count\nAction: count_shops\nAction Input: {json.dumps(arguments)}"
            shops = 30 if "recount" in text else 7
            return json.dumps({"shops": shops, "town": "Ulm"})
        if "Do table about" in text:
            return json.dumps({"label": "shops", "number": 7})
        return answer


def says_no_hype(output: Any) -> tuple[bool, Any]:
    """A guardrail that rejects the first answer, both for the draft and for a revision."""
    text = text_of(output.messages).rpartition("make it warmer")[2]
    if "No hype, please" not in text:
        return False, "No hype, please"
    return True, f"{output.raw} (checked)"


@CrewBase
class Survey:
    """A crew of six tasks in a class, as CrewAI's own templates lay it out."""

    agents_config: ClassVar[dict[str, Any]] = {}
    tasks_config: ClassVar[dict[str, Any]] = {}

    @before_kickoff
    def prepare(self: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        note(inputs["user_input"], "before")
        return {**inputs, "season": "spring"}

    @after_kickoff
    def sign(self: Any, result: CrewOutput) -> CrewOutput:
        note(self._subject(), f"after {len(result.tasks_output)}")
        result.raw = f"{result.raw} — signed"
        return result

    def _subject(self: Any) -> str:
        return Path(os.environ["TESTS_FOLDER"], "survey.subject").read_text()

    @agent
    def clerk(self: Any) -> Agent:
        return Agent(
            role="clerk",
            goal="to count",
            backstory="long",
            llm=Clerk(model="clerk"),
            tools=[count_shops],
        )

    @agent
    def writer(self: Any) -> Agent:
        return Agent(role="writer", goal="to tell", backstory="long", llm=Clerk(model="clerk"))

    @task
    def count(self: Any) -> Task:
        return Task(
            description="Do count about {user_input}.",
            expected_output="a count",
            agent=self.clerk(),
            output_pydantic=Count,
        )

    @task
    def more(self: Any) -> Task:
        return ConditionalTask(
            condition=lambda output: output.pydantic.shops < 20,
            description="Do more about {user_input}.",
            expected_output="more",
            agent=self.writer(),
        )

    @task
    def left(self: Any) -> Task:
        return Task(
            description="Do left about {user_input}.",
            expected_output="a side",
            agent=self.writer(),
            async_execution=True,
        )

    @task
    def right(self: Any) -> Task:
        return Task(
            description="Do right about {user_input}.",
            expected_output="a side",
            agent=self.writer(),
            async_execution=True,
        )

    @task
    def table(self: Any) -> Task:
        return Task(
            description="Do table about {user_input}.",
            expected_output="a row",
            agent=self.writer(),
            context=[self.count()],
            output_json=Row,
        )

    @task
    def report(self: Any) -> Task:
        return Task(
            description="Do report about {user_input}. It is {season}.",
            expected_output="a report",
            agent=self.writer(),
            context=[self.left(), self.right(), self.table()],
            guardrail=says_no_hype,
            output_file=f"{os.environ['TESTS_FOLDER']}/reports/{{user_input}}.md",
        )

    @crew
    def crew(self: Any) -> Crew:
        return Crew(
            agents=[self.clerk(), self.writer()],
            tasks=[
                self.count(),
                self.more(),
                self.left(),
                self.right(),
                self.table(),
                self.report(),
            ],
            task_callback=lambda output: note(self._subject(), f"task {output.name}"),
        )


class Manager(Scribe):
    """Hands each task to a coworker, and passes on what comes back."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> str:
        super().call(messages, *others, **named)
        text = text_of(messages)
        observations = re.findall(r"Observation: (answer \d+)", text)
        if observations and "make it warmer" not in text:
            return f"Thought: good\nFinal Answer: managed {observations[-1]}"
        if observations:
            return f"Thought: good\nFinal Answer: warm {observations[-1]}"
        arguments = {
            "task": f"Do your part about {_subject(text)}.",
            "context": "none",
            "coworker": "worker",
        }
        name = "delegate_work_to_coworker"
        return f"Thought: hand it on\nAction: {name}\nAction Input: {json.dumps(arguments)}"


def _subject(text: str) -> str:
    return str(re.findall(r"about (\S+)\.", text)[0])


def _managed(**manager: Any) -> Crew:
    worker = Agent(
        role="worker", goal="to do", backstory="long", llm=Scribe(model="scribe"), cache=False
    )
    tasks = [
        Task(
            name=name,
            description=f"Do {name} about {{user_input}}.",
            expected_output="a line",
            async_execution=name in ("left", "right"),
        )
        for name in ("first", "left", "right", "last")
    ]
    return Crew(agents=[worker], tasks=tasks, process=Process.hierarchical, **manager)


def with_manager_llm() -> Crew:
    return _managed(manager_llm=Manager(model="manager"))


def with_manager_agent() -> Crew:
    chief = Agent(
        role="chief", goal="to lead", backstory="long", llm=Manager(model="manager"), cache=False
    )
    return _managed(manager_agent=chief)


class Planner(Scribe):
    """Plans as many tasks as it is shown."""

    def call(self, messages: str | list[LLMMessage], *others: Any, **named: Any) -> str:
        text = text_of(messages)
        if "Task Number" not in text:
            return super().call(messages, *others, **named)
        note("planner", text)
        numbers = sorted(set(re.findall(r"Task Number (\d+)", text)))
        plans = [
            {"task_number": int(n), "task": f"task {n}", "plan": f" PLAN {n}."} for n in numbers
        ]
        return json.dumps({"list_of_plans_per_task": plans})


def plans() -> Crew:
    """Plans its tasks before it runs them."""
    writer = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
    tasks = [
        Task(
            name=name,
            description=f"Do {name} about {{user_input}}.",
            expected_output="a line",
            agent=writer,
        )
        for name in ("one", "two")
    ]
    return Crew(agents=[writer], tasks=tasks, planning=True, planning_llm=Planner(model="planner"))


class Letters(CustomEmbeddingFunction, EmbeddingFunction[Any]):  # CrewAI checks for both
    """Embeds a text as the counts of the letters of the alphabet."""

    def __call__(self, input: Any) -> Any:
        texts = [str(text).lower() for text in input]
        return [[float(text.count(chr(97 + n))) for n in range(26)] for text in texts]


def knows() -> Crew:
    """Has a knowledge source, with an embedder that needs no network."""
    writer = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
    tasks = [
        Task(
            name=name,
            description=f"Do {name} about {{user_input}}.",
            expected_output="a line",
            agent=writer,
        )
        for name in ("one", "two")
    ]
    source = StringKnowledgeSource(content="The harbour closes at nine in the evening.")
    embedder: Any = {"provider": "custom", "config": {"embedding_callable": Letters}}
    return Crew(agents=[writer], tasks=tasks, knowledge_sources=[source], embedder=embedder)


def remembers() -> Crew:
    """Has memory, with CrewAI's own default embedder."""
    writer = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
    about = "Do one about {user_input}."
    only = Task(name="one", description=about, expected_output="a line", agent=writer)
    return Crew(agents=[writer], tasks=[only], memory=True)


class Newer(BaseModel):
    shops: int
    country: str


def counts_otherwise_now() -> Crew:
    """Its first task has another output class once the file exists."""
    changed = Path(os.environ["TESTS_FOLDER"], "changed").exists()
    clerk = Agent(role="clerk", goal="to count", backstory="long", llm=Clerk(model="clerk"))
    about = "Do count about {user_input}. Known: seven shops found."
    shape = Newer if changed else Count
    tasks = [
        Task(name="one", description=about, expected_output="a count", output_pydantic=shape),
        Task(name="two", description="Do two about {user_input}.", expected_output="a line"),
    ]
    for each in tasks:
        each.agent = clerk
    return Crew(agents=[clerk], tasks=tasks)


ready_made = plans()
"""A crew, not a function that makes one."""
