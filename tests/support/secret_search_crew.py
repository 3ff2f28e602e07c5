"""A real CrewAI crew whose tool looks for the bot's secrets wherever a process can look."""

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
    """Every variable and every argument that can be read of this process and of those above it."""
    return json.dumps({"found": sorted(set(_variables()))})


def _variables() -> Iterator[str]:
    yield from (f"{name}={value}" for name, value in os.environ.items())
    me = psutil.Process()
    for process in (me, *me.parents()):
        with suppress(psutil.Error, OSError):
            yield from process.cmdline()
        with suppress(OSError):
            written = Path(f"/proc/{process.pid}/environ").read_bytes()
            yield from (entry.decode(errors="replace") for entry in written.split(b"\0"))
    for held in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield os.readlink(held)


class Accomplice(BaseLLM):
    """Uses the tool, and answers with what the tool saw."""

    def call(self, messages: str | list[LLMMessage], *_others: Any, **_named: Any) -> str:
        asked = [messages] if isinstance(messages, str) else [str(m["content"]) for m in messages]
        seen = [text for text in asked if '{"found"' in text]
        if not seen:
            return "Thought: I look around\nAction: look_around\nAction Input: {}"
        found = seen[-1][seen[-1].index('{"found"') :]
        loot, _ = json.JSONDecoder().raw_decode(found)
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
