"""A CrewAI flow with a gate: draft, ask a person to review, and draft again until it is approved.

Nothing here depends on Slack. Run on a console, CrewAI asks on the console; started by
Countersign, the gate is a message with a button for each outcome.
"""

from __future__ import annotations

from typing import Any

from crewai import Agent, Flow
from crewai.flow import human_feedback, listen, or_, start
from crewai.flow.human_feedback import HumanFeedbackResult
from pydantic import BaseModel, Field


class Announcement(BaseModel):
    """The flow's state. `user_input` is the request."""

    user_input: str = ""
    messages: list[dict[str, str]] = Field(default_factory=list)
    rounds: int = 0


class ReviewFlow(Flow[Announcement]):
    @start()
    def brief(self) -> None:
        request = f"Write a short announcement for our customers: {self.state.user_input}"
        self.state.messages.append({"role": "user", "content": request})

    @listen(or_("brief", "revise"))
    @human_feedback(
        message="May this announcement go out?",
        emit=["publish", "revise", "discard"],
        default_outcome="discard",
        llm="gpt-4.1-mini",
    )
    def draft(self) -> str:
        past = self.last_human_feedback
        if past is not None:
            wish = past.feedback or "Try another way to say it."
            self.state.messages.append({"role": "user", "content": wish})
        self.state.rounds += 1
        text = self._write()
        self.state.messages.append({"role": "assistant", "content": text})
        return text

    @listen("publish")
    def send_out(self, approved: HumanFeedbackResult) -> str:
        note = f"\n\nNote for the newsroom: {approved.feedback}" if approved.feedback else ""
        return f"{approved.output}{note}"

    @listen("discard")
    def put_away(self) -> str:
        return f"Nothing goes out. It took {self.state.rounds} draft(s) to decide that."

    def _write(self) -> str:
        writer = Agent(
            role="Announcement writer",
            goal="Say what is new in words that customers understand",
            backstory="You have written to customers for years and waste none of their time.",
        )
        answer: Any = writer.kickoff(list(self.state.messages))
        return str(answer.raw)
