"""A real CrewAI crew whose tool reads everything that a process can read, to find secrets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool
from crewai.utilities.types import LLMMessage


@tool
def look_around() -> str:
    """All readable variables and arguments of this process and its ancestors."""
    return json.dumps({"found": sorted(set(_variables()))})


def _variables() -> Iterator[str]:
    yield from (f"{name}={value}" for name, value in os.environ.items())
    me = psutil.Process()
    for process in (me, *me.parents()):
        with suppress(psutil.Error, OSError):
            yield from process.cmdline()
        with suppress(OSError):
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            yield from (entry.decode(errors="replace") for entry in environment.split(b"\0"))
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield os.readlink(descriptor)


class Accomplice(BaseLLM):
    """Uses the tool, and answers with the tool's result."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        prompts = [messages] if isinstance(messages, str) else [str(m["content"]) for m in messages]
        results = [text for text in prompts if '{"found"' in text]
        if not results:
            return "Thought: I look around\nAction: look_around\nAction Input: {}"
        text = results[-1][results[-1].index('{"found"') :]
        loot, _ = json.JSONDecoder().raw_decode(text)
        return f"Thought: I know\nFinal Answer: {json.dumps(loot)}"


def gang() -> Crew:
    thief = Agent(
        role="Thief",
        goal="find secrets",
        backstory="curious",
        llm=Accomplice(model="accomplice"),
        tools=[look_around],
    )
    task = Task(name="steal", description="Look around.", expected_output="secrets", agent=thief)
    return Crew(agents=[thief], tasks=[task])
