"""A crew and the functions that start it, as they stand in the `main.py` of many projects."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crewai import Agent, Crew, Flow, Task
from crewai.flow.flow import start
from opentelemetry import baggage
from pydantic import BaseModel


def researcher(**settings: Any) -> Agent:
    return Agent(role="Researcher", goal="Know {topic}", backstory="Reads.", **settings)


def save_report(output: Any) -> None:
    Path(os.environ["TESTS_FOLDER"], "report.md").write_text(output.raw)


def crew(**settings: Any) -> Crew:
    agent = researcher()
    task = Task(
        name="research",
        description="Research {topic} in {current_year}.",
        expected_output="Facts",
        agent=agent,
        callback=save_report,
    )
    return Crew(agents=[agent], tasks=[task], **settings)


INPUTS = {"topic": "harbours", "current_year": "2031"}


def run() -> None:
    """The `run` of `crewai create crew --classic`, with its preparation and its `except`."""
    Path(os.environ["TESTS_FOLDER"], "prepared").write_text("yes")
    try:
        crew().kickoff(inputs=INPUTS)
    except Exception as error:
        raise Exception(f"An error occurred while running the crew: {error}") from error
    Path(os.environ["TESTS_FOLDER"], "afterwards").write_text("ran on")


def run_streamed() -> object:
    streamed: Any = crew(stream=True).kickoff(inputs=INPUTS)
    return list(streamed)


def run_async() -> object:
    async def main() -> object:
        return await crew().kickoff_async(inputs=INPUTS)

    return asyncio.run(main())


async def run_natively_async() -> object:
    return await crew().akickoff(inputs=INPUTS)


def run_in_a_task_group() -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(crew().akickoff(inputs=INPUTS))

    asyncio.run(main())


def run_gathered() -> object:
    async def main() -> object:
        return await asyncio.gather(crew().akickoff(inputs=INPUTS), return_exceptions=True)

    return asyncio.run(main())


def run_in_a_thread() -> None:
    thread = threading.Thread(target=crew().kickoff, kwargs={"inputs": INPUTS})
    thread.start()
    thread.join()


def run_in_an_executor() -> object:
    with ThreadPoolExecutor() as executor:
        return executor.submit(crew().kickoff, INPUTS).result()


def run_with_a_bare_except() -> None:
    try:
        crew().kickoff(inputs=INPUTS)
    except:  # noqa: E722 as crews have it
        sys.exit(1)


def run_for_each() -> object:
    return crew().kickoff_for_each(inputs=[INPUTS, {**INPUTS, "topic": "canals"}])


def run_for_each_async() -> object:
    return asyncio.run(crew().kickoff_for_each_async(inputs=[INPUTS]))


class State(BaseModel):
    topic: str = ""
    sources: int = 3


class Report(Flow[State]):
    @start()
    def write(self) -> str:
        result: Any = crew().kickoff(inputs={**INPUTS, "topic": self.state.topic})
        return str(result.raw)


def run_flow() -> object:
    return Report().kickoff(inputs={"topic": "harbours"})


def run_flow_async() -> object:
    return asyncio.run(Report().kickoff_async(inputs={"topic": "harbours"}))


def run_flow_streamed() -> object:
    with Report().stream_events(inputs={"topic": "harbours"}) as frames:
        return list(frames)


class ReadsFiles(Flow[State]):
    @start()
    def read(self) -> str:
        files: Any = baggage.get_baggage("flow_input_files")
        return f"{self.state.topic}: {sorted(files)}"


def run_with_files() -> object:
    return ReadsFiles().kickoff(inputs={"topic": "tea"}, input_files={"label": "label.png"})


class Answer(BaseModel):
    subject: str
    points: list[str]


def run_after_an_agent() -> None:
    """Asks an agent first, in each of its ways."""
    agent = researcher()
    assert str(agent.kickoff("What is new?")) == ""

    async def main() -> None:
        assert (await agent.kickoff_async("What is new?")).raw == ""
        answer: Any = agent.kickoff("What is new?", response_format=Answer)
        assert (await answer).pydantic.points == []

    asyncio.run(main())
    crew().kickoff(inputs=INPUTS)


def only_an_agent() -> None:
    researcher().kickoff("What is new?")


def train() -> None:
    crew().train(n_iterations=1, filename="trained.pkl", inputs=INPUTS)


def replay() -> None:
    crew().replay(task_id=sys.argv[1])


def asks() -> None:
    crew().kickoff(inputs={**INPUTS, "topic": input("Topic: ")})


def exits() -> None:
    sys.exit("no key")
