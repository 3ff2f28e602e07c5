"""A project's flow with a gate, which CrewAI has had since 1.8."""

from __future__ import annotations

from crewai.flow.flow import Flow, listen, start
from crewai.flow.human_feedback import human_feedback


class Chosen(Flow):
    @start()
    @human_feedback(
        message="Good enough?", emit=["good", "poor"], llm="gpt-4o", default_outcome="poor"
    )
    def draft(self) -> str:
        return "a draft"

    @listen("good")
    def publish(self) -> str:
        return "published"

    @listen("poor")
    def discard(self) -> str:
        return "discarded"


class Gated(Flow):
    @start()
    @human_feedback(message="Is this right?")
    def draft(self) -> str:
        return "a draft"

    @listen(draft)
    def end(self, review) -> str:
        return f"{review.output}, with: {review.feedback}"
