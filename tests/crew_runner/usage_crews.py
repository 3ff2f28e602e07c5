"""Crews and flows whose models are called over HTTP, so that the server can count."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crewai import LLM, Agent, Crew, Flow, Task
from crewai.flow.flow import listen, start
from crewai.flow.human_feedback import human_feedback
from pydantic import BaseModel

OTHER_ADDRESS = "other_model.address"


def _other(**more: Any) -> LLM:
    """The model at its own address."""
    address = Path(os.environ["TESTS_FOLDER"], OTHER_ADDRESS).read_text()
    return LLM(model="openai/gpt-4.1-mini", base_url=address, api_key="other", **more)


def _task(name: str, model: LLM | None, **more: Any) -> Task:
    agent = Agent(role=name, goal="to help", backstory="long", llm=model)
    about = f"Do {name} about {{user_input}}."
    return Task(name=name, description=about, expected_output="a line", agent=agent, **more)


def _crew(*tasks: Task) -> Crew:
    return Crew(agents=[task.agent for task in tasks if task.agent], tasks=list(tasks))


def drafts() -> Crew:
    return _crew(_task("gather", None), _task("write", None))


def two_models() -> Crew:
    """The second streams its answers."""
    return _crew(_task("gather", None), _task("write", _other(stream=True)))


def breaks_once() -> Crew:
    """Its first attempt calls its model and then fails."""
    mark = Path(os.environ["TESTS_FOLDER"], "broke")

    def check(_output: Any) -> None:
        if not mark.exists():
            mark.touch()
            raise RuntimeError("broken on purpose")

    return _crew(_task("gather", None), _task("write", None, callback=check))


class Shape(BaseModel):
    kind: str
    sides: int


def broad() -> Crew:
    """Plans, runs concurrent tasks, returns a structured output, and has a model check another."""
    pair = [_task(name, _other(), async_execution=True) for name in ("left", "right")]
    shape = _task("shape", _other(), context=pair, output_pydantic=Shape)
    judged = _task("judged", _other(), guardrail="It is about something.", guardrail_max_retries=1)
    tasks = [*pair, shape, judged]
    return Crew(
        agents=[task.agent for task in tasks if task.agent],
        tasks=tasks,
        planning=True,
        planning_llm=_other(),
    )


class Talks(Flow[Any]):
    """Calls its model itself, in its own threads, and through a crew behind a gate."""

    @start()
    @human_feedback(message="Is this the subject?")
    def propose(self) -> str:
        with ThreadPoolExecutor(2) as threads:
            texts = list(threads.map(_other().call, ["Name a subject.", "Name another."]))
        return " ".join(map(str, texts))

    @listen(propose)
    def write(self, _feedback: Any) -> str:
        written = _crew(_task("write", _other())).kickoff(inputs={"user_input": "bells"})
        return str(written)
