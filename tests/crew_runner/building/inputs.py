"""Crews and flows that take inputs in each of the ways that projects have."""

from __future__ import annotations

from datetime import date
from enum import Enum
from typing import Any, Literal

from crewai import Agent, Crew, Flow, Task
from crewai.flow.flow import listen, start
from crewai.project import CrewBase, agent, task
from crewai.project import crew as crew_method
from pydantic import BaseModel, Field


def crew_about(description: str, **settings: Any) -> Crew:
    researcher = Agent(role="Researcher of {field}", goal="Know", backstory="Reads.")
    research = Task(
        name="research",
        description=description,
        expected_output='JSON such as {"facts": [1]}, or {{ mustache }}',
        agent=researcher,
        **settings,
    )
    return Crew(agents=[researcher], tasks=[research])


def placeholders() -> Crew:
    return crew_about("Research {topic} in {current_year}.", output_file="{topic}.md")


def other_syntax() -> Crew:
    """Its braces belong to a shell and to a template engine."""
    clerk = Agent(role="Clerk", goal="File", backstory="Files.")
    task = Task(
        name="file", description="Read ${HOME}/{{ name }}", expected_output="x", agent=clerk
    )
    return Crew(agents=[clerk], tasks=[task])


def main() -> None:
    crew_about("Research {topic} in {current_year}.").kickoff(
        inputs={
            "topic": "AI LLMs",
            "field": "science",
            "pages": 3,
            "sources": ["a", "b"],
        }
    )


def flow_with_values() -> None:
    DictionaryFlow().kickoff({"topic": "bees", "due": date(2031, 5, 1), "client": object()})


def loaded() -> tuple[Crew, dict[str, Any]]:
    return crew_about("Research {topic}."), {"topic": "bees"}


class Tone(Enum):
    DRY = "dry"
    WARM = "warm"


def function(
    topic: str,
    pages: int,
    tone: Tone = Tone.DRY,
    length: Literal["short", "long"] = "short",
    illustrated: bool = True,
    due: date | None = None,
    llm: Any = None,
) -> Crew:
    assert isinstance(pages, int)
    assert isinstance(tone, Tone)
    return crew_about(f"Research {topic} on {pages} pages, {tone.value}, {length}, {due}.")


async def async_function(topic: str = "tea") -> Crew:
    return crew_about(f"Research {topic}.")


def starts(motion: str, **more: Any) -> None:
    crew_about("Debate {motion}: {title}.").kickoff(
        inputs={"motion": motion, "title": motion.upper(), "subtitle": f"On {motion}", **more}
    )


def dictionary(inputs: dict[str, str]) -> Crew:
    return crew_about(f"Research {inputs.get('topic', 'anything')}.")


def one_argument(text: str) -> Crew:
    return crew_about(f"Summarize {text}.")


class Trip:
    """The shape of CrewAI's trip planner."""

    def __init__(self, origin: str, cities: list[str], interests: str = "art") -> None:
        self._places = f"{origin}, {', '.join(cities)}, {interests}"

    def run(self) -> object:
        return crew_about(f"Plan a trip: {self._places}.").kickoff()


@CrewBase
class WithConstructor:
    agents: list[Any]
    tasks: list[Any]
    agents_config: Any = None
    tasks_config: Any = None

    def __init__(self, company: str) -> None:
        self._company = company

    @agent
    def analyst(self) -> Agent:
        return Agent(role="Analyst", goal="Know", backstory=f"Works for {self._company}.")

    @task
    def analyse(self) -> Task:
        analyst: Any = self.analyst
        return Task(description="Analyse {market}.", expected_output="Facts", agent=analyst())

    @crew_method
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks)


class PostState(BaseModel):
    topic: str = Field(default="", title="What to write about")
    tone: Literal["dry", "warm"] = "dry"
    words: int = 300
    sources: list[str] = []
    publish: bool = False
    due: date | None = None
    outline: str = ""
    drafts: list[str] = []
    unused: str = ""


class PostFlow(Flow[PostState]):
    @start()
    def plan(self) -> str:
        if not self.state.topic:
            self.state.topic = "nothing"
        self.state.outline = f"{self.state.topic} {self.state.tone} {self.state.words}"
        return str(self.state.outline)

    @listen(plan)
    def write(self) -> str:
        self.state.drafts.append(self.state.outline + str(self.state.sources))
        return f"{self.state.publish} {self.state.due}"


class TriggerFlow(Flow[PostState]):
    @start()
    def plan(self, crewai_trigger_payload: dict[str, Any] | None = None) -> str:
        payload = crewai_trigger_payload or {}
        del payload
        if crewai_trigger_payload:
            self.state.topic = crewai_trigger_payload.get("topic", "AI Agents")
            self.state.words = crewai_trigger_payload["words"]
        return str(self.state.topic)

    @listen(plan)
    def write(self) -> str:
        self.state.outline = self.state.topic
        return str(self.state.outline)


class DictionaryFlow(Flow[dict[str, Any]]):
    @start()
    def plan(self) -> str:
        self.state["plan"] = self.state["topic"] + self.state.get("tone", "dry")
        if "due" in self.state:
            assert isinstance(self.state["due"], date)
        return str(self.state["plan"])


def flow_main() -> None:
    PostFlow().kickoff(inputs={"topic": "bees", "words": 50})


def fails_without_inputs(when: str) -> Crew:
    return crew_about(f"Research {date.fromisoformat(when)}.")


def fails_anyway(topic: str) -> Crew:
    del topic
    raise LookupError("the price list is missing")
