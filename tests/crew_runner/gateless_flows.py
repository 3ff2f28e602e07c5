"""Flows without a gate of their own, for checkpoints that crews.yml puts at their methods."""

from __future__ import annotations

from crewai import Agent, Crew, Task
from crewai.crews.crew_output import CrewOutput
from crewai.flow import listen, start

from tests.crew_runner.crews import Scribe
from tests.crew_runner.flows import Writing


def scribe(task: str) -> CrewOutput:
    """One crew of one agent, which answers `answer N`."""
    agent = Agent(role="writer", goal="to help", backstory="long", llm=Scribe(model="scribe"))
    crew = Crew(
        agents=[agent], tasks=[Task(description=task, expected_output="a line", agent=agent)]
    )
    output = crew.kickoff()
    assert isinstance(output, CrewOutput)
    return output


class Line(Writing):
    """Three methods in a row; the last one sends something that cannot be taken back."""

    @start()
    def draft(self) -> CrewOutput:
        self.state.notes.append("drafted")
        self.did("draft")
        return scribe(f"Write about {self.state.user_input}.")

    @listen(draft)
    def polish(self, drafted: CrewOutput) -> str:
        self.did("polish")
        return f"polished: {drafted.raw} ({len(drafted.tasks_output)}, {len(self.state.notes)})"

    @listen(polish)
    def send(self, text: str) -> str:
        self.did("send")
        return f"sent: {text}"
