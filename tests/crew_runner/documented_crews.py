"""Crews and flows as CrewAI's documentation shows them."""

from typing import Any

from crewai import Agent, Crew, Flow, Task
from crewai.flow.flow import listen, or_, start
from crewai.flow.human_feedback import HumanFeedbackResult, human_feedback
from crewai.tools import tool
from pydantic import BaseModel


@tool("web_search")
def web_search(query: str) -> str:
    """Looks for pages about something."""
    return f"Two pages about {query}."


def researcher_and_writer() -> Crew:
    """Human input on execution: the first of two tasks is checked before the second uses it."""
    researcher = Agent(
        role="Senior researcher",
        goal="Find out what is new",
        backstory="You know where to look and what to leave out.",
        verbose=True,
        allow_delegation=False,
        tools=[web_search],
    )
    writer = Agent(
        role="Writer",
        goal="Make hard things easy to read",
        backstory="You turn reports into articles that people finish.",
        verbose=True,
        allow_delegation=True,
        tools=[web_search],
        cache=False,
    )
    research = Task(
        description="Research what is new about {user_input}. Ask a person whether it is right.",
        expected_output="A report on what is new",
        agent=researcher,
        human_input=True,
    )
    article = Task(
        description="Write an article from the report about {user_input}.",
        expected_output="An article of four paragraphs",
        agent=writer,
        human_input=True,
    )
    return Crew(
        agents=[researcher, writer],
        tasks=[research, article],
        verbose=True,
        memory=True,
        planning=True,
    )


class CollectsWords(Flow):  # type: ignore[type-arg] # as the documentation writes it
    """Without emit: the listener gets the result itself."""

    @start()
    @human_feedback(message="What do you think of this?", metadata={"channel": "news"})
    def make(self) -> str:
        return "A text to look at."

    @listen(make)
    def show(self, result: HumanFeedbackResult) -> dict[str, Any]:
        last = self.last_human_feedback
        assert last is not None
        return {
            "output": result.output,
            "feedback": result.feedback,
            "outcome": result.outcome,
            "method": result.method_name,
            "metadata": result.metadata,
            "has_time": result.timestamp is not None,
            "last": last.feedback,
        }


class ThreeWays(Flow):  # type: ignore[type-arg]
    """With emit: one listener for each outcome."""

    @start()
    @human_feedback(
        message="Is this ready to be published?",
        emit=["approved", "rejected", "needs_revision"],
        llm="gpt-4o-mini",
        default_outcome="needs_revision",
    )
    def review(self) -> str:
        return "A draft."

    @listen("approved")
    def publish(self, result: HumanFeedbackResult) -> str:
        return f"published {result.output!r}, {result.outcome}: {result.feedback!r}"

    @listen("rejected")
    def discard(self, result: HumanFeedbackResult) -> str:
        return f"discarded {result.output!r}, {result.outcome}: {result.feedback!r}"

    @listen("needs_revision")
    def revise(self, result: HumanFeedbackResult) -> str:
        return f"to be revised {result.output!r}, {result.outcome}: {result.feedback!r}"


class ContentState(BaseModel):
    topic: str = "bees"
    draft: str = ""
    revisions: int = 0
    status: str = "pending"


class ContentApproval(Flow[ContentState]):
    """A gate that listens to its own outcome: drafts come back until one is approved."""

    @start()
    def generate(self) -> str:
        self.state.draft = f"# On {self.state.topic}"
        return str(self.state.draft)

    @human_feedback(
        message="Approve this draft, reject it, or say what to change.",
        emit=["approved", "rejected", "needs_revision"],
        llm="gpt-4o-mini",
        default_outcome="needs_revision",
    )
    @listen(or_("generate", "needs_revision"))
    def review(self) -> str:
        if self.last_human_feedback is not None:
            self.state.revisions += 1
            self.state.draft += f"\n(v{self.state.revisions}: {self.last_human_feedback.feedback})"
        return str(self.state.draft)

    @listen("approved")
    def publish(self) -> str:
        self.state.status = "published"
        return self.story()

    @listen("rejected")
    def drop(self) -> str:
        self.state.status = "rejected"
        return self.story()

    def story(self) -> str:
        history = [f"{past.outcome}: {past.feedback}" for past in self.human_feedback_history]
        return f"{self.state.status} {self.state.draft!r} after {history}"


class LegalThenEditor(Flow):  # type: ignore[type-arg]
    """Several gates: each has its own message and outcomes, and all are remembered."""

    @start()
    @human_feedback(
        message="Legal: is this allowed?",
        emit=["legal_ok", "legal_no"],
        llm="gpt-4o-mini",
    )
    def legal(self) -> str:
        return "A claim."

    @listen("legal_ok")
    @human_feedback(message="Editor: any last words?")
    def editor(self, result: HumanFeedbackResult) -> str:
        return f"{result.output} (legal said {result.feedback!r})"

    @listen(editor)
    def finish(self, result: HumanFeedbackResult) -> list[list[Any]]:
        assert result is not None
        return [
            [past.method_name, past.outcome, past.feedback, past.output]
            for past in self.human_feedback_history
        ]

    @listen("legal_no")
    def withdraw(self) -> str:
        return "withdrawn"
