"""A CrewAI crew that makes several model calls in a row: a newsletter in three parts.

crews.yml sets what it may use before a person is asked.
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
        Task(name=name, description=description, expected_output="1 paragraph", agent=editor)
        for name, description in PARTS.items()
    ]
    return Crew(agents=[editor], tasks=parts)
