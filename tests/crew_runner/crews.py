"""Small crews for tests. Their models are classes of this file and need no network."""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from crewai import Agent, Crew, Flow, Task
from crewai.flow.flow import start
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool
from crewai.utilities.types import LLMMessage
from pydantic import BaseModel, Field


class Scribe(BaseLLM):
    """Answers `answer N` and records its conversations, in one file for each subject."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        messages_text = (
            [messages] if isinstance(messages, str) else [str(m["content"]) for m in messages]
        )
        subject = re.findall(r"about (\S+)\.", "\n".join(messages_text))[0]
        with Path(os.environ["TESTS_FOLDER"], f"{subject}.asked").open("a+") as record:
            fcntl.flock(record, fcntl.LOCK_EX)  # tasks may run at the same time
            record.seek(0)
            number = len(record.readlines()) + 1
            record.write(json.dumps(messages_text) + "\n")
        return f"Thought: I know\nFinal Answer: answer {number}"


class Shape(BaseModel):
    kind: str
    sides: int = Field(ge=3)


class Geometer(Scribe):
    """Answers with a shape."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        super().call(messages)
        return '{"kind": "square", "sides": 4}'


class Spy(BaseLLM):
    """Answers with everything it can see: its variables, its parent's, connections, stdin."""

    at_building: tuple[str, ...] = ()

    def call(self, *_asked: Any, **_named: Any) -> str:
        report: dict[str, Any] = {"own": sorted(os.environ), "stdin": sys.stdin.read()}
        report["built"] = self.at_building
        for name, pid in {"self": os.getpid(), "parent": os.getppid()}.items():
            environ = Path(f"/proc/{pid}/environ").read_bytes()
            report[name] = sorted(v.decode().split("=")[0] for v in environ.split(b"\0") if v)
        parent = psutil.Process(os.getppid())
        report["open"] = [c.status for c in psutil.Process().net_connections()]
        report["command"] = parent.cmdline()
        return json.dumps(report)


class Sleeper(BaseLLM):
    """Starts programs, one in its own session, records all ids, and never answers."""

    def call(self, *_asked: Any, **_named: Any) -> str:
        helpers = [
            subprocess.Popen(["sleep", "600"]),
            subprocess.Popen(["sleep", "600"], start_new_session=True),
        ]
        ids = [os.getpid(), *(helper.pid for helper in helpers)]
        target = Path(os.environ["TESTS_FOLDER"], "sleeper.ids")
        target.with_suffix(".new").write_text(json.dumps(ids))
        target.with_suffix(".new").rename(target)
        time.sleep(600)
        return "too late"


def _agent(role: str, model: BaseLLM | None, **more: Any) -> Agent:
    return Agent(role=role, goal="to help", backstory="long", llm=model, **more)


def _task(name: str | None, agent: Agent, **more: Any) -> Task:
    about = more.pop("about", f"Do {name} about {{user_input}}.")
    return Task(name=name, description=about, expected_output="a line", agent=agent, **more)


def three_tasks() -> Crew:
    """gather; weigh, which builds on it; write, which builds on both."""
    agent = _agent("writer", Scribe(model="scribe"))
    gather = _task("gather", agent)
    weigh = _task("weigh", agent, context=[gather])
    write = _task("write", agent, context=[gather, weigh])
    return Crew(agents=[agent], tasks=[gather, weigh, write])


@tool("search")
def search(query: str) -> str:
    """Looks something up."""
    with Path(os.environ["TESTS_FOLDER"], "searches").open("a") as searches:
        searches.write(query + "\n")
    return "eleven shops"


class Searching(Scribe):
    """Uses the search tool once in a conversation, then answers."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        answer = super().call(messages)
        if "eleven shops" in str(messages):
            return answer
        return 'Thought: look\nAction: search\nAction Input: {"query": "shops"}'


def with_tool() -> Crew:
    agent = _agent("researcher", Searching(model="scribe"), tools=[search])
    return Crew(agents=[agent], tasks=[_task("look", agent)])


def shapes() -> Crew:
    """The first task's output is structured."""
    agent = _agent("geometer", Geometer(model="scribe"))
    draw = _task("draw", agent, output_pydantic=Shape)
    return Crew(
        agents=[agent], tasks=[draw, _task("tell", _agent("writer", Scribe(model="scribe")))]
    )


def two_at_once() -> Crew:
    """Two concurrent tasks, and a third that joins them."""
    agent = _agent("writer", Scribe(model="scribe"))
    pair = [_task(name, agent, async_execution=True) for name in ("left", "right")]
    return Crew(agents=[agent], tasks=[*pair, _task("join", agent, context=pair)])


def interviews() -> Crew:
    """ask and check need a person; the others do not."""
    agent = _agent("writer", Scribe(model="scribe"))
    ask = _task("ask", agent, human_input=True)
    sort = _task("sort", agent, context=[ask])
    check = _task("check", agent, context=[sort], human_input=True)
    tell = _task("tell", agent, context=[check])
    return Crew(agents=[agent], tasks=[ask, sort, check, tell])


def asks_since_the_deploy() -> Crew:
    """Its second task needs a person once the file exists."""
    agent = _agent("writer", Scribe(model="scribe"))
    asks = Path(os.environ["TESTS_FOLDER"], "asks").exists()
    tasks = [_task("first", agent), _task("second", agent, human_input=asks)]
    return Crew(agents=[agent], tasks=tasks)


class KeepsAPlan:
    """Remembers the plan of its first task on itself, and records it after the second."""

    plan = "nothing"

    def crew(self) -> Crew:
        agent = _agent("writer", Scribe(model="scribe"))
        first = _task("first", agent, callback=self.remember)
        return Crew(agents=[agent], tasks=[first, _task("second", agent, callback=self.record)])

    def remember(self, output: Any) -> None:
        self.plan = output.raw

    def record(self, _output: Any) -> None:
        Path(os.environ["TESTS_FOLDER"], "kept").write_text(f"plan: {self.plan}")


keeps_a_plan = KeepsAPlan


def unnamed() -> Crew:
    agent = _agent("writer", Scribe(model="scribe"))
    tasks = [_task(None, agent, about="First, about {message}."), _task("last", agent)]
    return Crew(agents=[agent], tasks=tasks)


def default_model() -> Crew:
    """Uses the model that the operator chose."""
    agent = _agent("writer", None)
    return Crew(agents=[agent], tasks=[_task("draft", agent)])


def spies() -> Crew:
    agent = _agent("spy", Spy(model="spy", at_building=tuple(sorted(os.environ))))
    return Crew(agents=[agent], tasks=[_task("spy", agent)])


def sleeps() -> Crew:
    agent = _agent("sleeper", Sleeper(model="sleeper"))
    return Crew(agents=[agent], tasks=[_task("sleep", agent)])


def prints_much() -> Crew:
    agent = _agent("writer", Scribe(model="scribe"))

    def shout(_output: Any) -> None:
        for _ in range(200):
            sys.stdout.write("all work and no play\n" * 1000)

    return Crew(agents=[agent], tasks=[_task("draft", agent, callback=shout)])


def ends_the_process() -> Crew:
    agent = _agent("writer", Scribe(model="scribe"))

    def leave(_output: Any) -> None:
        os.kill(os.getpid(), 11)

    return Crew(agents=[agent], tasks=[_task("draft", agent, callback=leave)])


def wants_another_input() -> Crew:
    agent = _agent("writer", Scribe(model="scribe"))
    return Crew(agents=[agent], tasks=[_task("draft", agent, about="Something about {brand}.")])


def cannot_be_built() -> Crew:
    raise LookupError("the price list is missing")


class AFlow(Flow[Any]):
    @start()
    def begin(self) -> str:
        return "begun"


NO_CREW = 3
