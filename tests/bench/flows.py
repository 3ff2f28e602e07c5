"""The flow that the benchmarks run: three notes with two gates between them."""

from __future__ import annotations

from typing import Any

from crewai import Agent, Flow
from crewai.flow import human_feedback, listen, start
from crewai.flow.human_feedback import HumanFeedbackResult
from pydantic import BaseModel


class Subject(BaseModel):
    user_input: str = ""


class Notes(Flow[Subject]):
    """Every note is one model call; the reviewer's feedback on one goes into the next."""

    @start()
    @human_feedback(message="What about the first note?")
    def first(self) -> str:
        return self._write(self.state.user_input)

    @listen(first)
    @human_feedback(message="What about the second note?")
    def second(self, past: HumanFeedbackResult) -> str:
        return self._write(f"{past.output}\n{past.feedback}")

    @listen(second)
    def third(self, past: HumanFeedbackResult) -> str:
        return self._write(f"{past.output}\n{past.feedback}")

    def _write(self, about: str) -> str:
        writer = Agent(role="writer", goal="to write", backstory="has written a lot")
        answer: Any = writer.kickoff(f"Write a short note about {about}.")
        return str(answer.raw)
