"""A CrewAI flow that asks while it runs: `Flow.ask()`.

Nothing here depends on Slack. Run on a console, CrewAI reads the answers there; started by
Countersign, each question is a message in the thread.
"""

from __future__ import annotations

from typing import Any

from crewai import Agent, Flow
from crewai.flow import listen, start
from pydantic import BaseModel

ANYBODY = "newcomers"


class Briefing(BaseModel):
    """The flow's state. `user_input` is the request."""

    user_input: str = ""
    audience: str = ANYBODY
    worry: str = ""


class BriefingFlow(Flow[Briefing]):
    @start()
    def audience(self) -> None:
        self.state.audience = self.ask("Who is the briefing for?") or ANYBODY

    @listen(audience)
    def worry(self) -> None:
        question = f"What will {self.state.audience} worry about most?"
        self.state.worry = self.ask(question) or ""

    @listen(worry)
    def write(self) -> str:
        writer = Agent(
            role="Briefing writer",
            goal="Tell people what they need to know, and nothing else",
            backstory="You write for readers who have two minutes before a meeting.",
        )
        about = f"Write a short briefing about {self.state.user_input}"
        worry = f" Take up what they worry about: {self.state.worry}." if self.state.worry else ""
        answer: Any = writer.kickoff(f"{about}, for {self.state.audience}.{worry}")
        return f"For {self.state.audience}\n\n{answer.raw}"
