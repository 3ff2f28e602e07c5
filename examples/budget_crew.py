"""A CrewAI crew that makes several model calls in one go: a newsletter in three parts.

What it may use before somebody is asked stands in crews.yml.
"""

from __future__ import annotations

from crewai import Agent, Crew, Task

PARTS = {
    "opening": "Write the opening of our newsletter about: {user_input}",
    "story": "Write the main story of our newsletter about: {user_input}",
    "closing": "Write the last lines of our newsletter about: {user_input}",
}


def newsletter() -> Crew:
    editor = Agent(
        role="Newsletter editor",
        goal="Write what subscribers open first",
        backstory="You have sent a letter a week for years and lost no reader by it.",
    )
    parts = [
        Task(name=name, description=wanted, expected_output="1 paragraph", agent=editor)
        for name, wanted in PARTS.items()
    ]
    return Crew(agents=[editor], tasks=parts)
