"""A CrewAI crew with `human_input=True`: questions for an interview, checked by a person.

Nothing here depends on Slack. Run on a console, CrewAI reads the feedback there; started by
Countersign, each task that asks ends at a checkpoint.
"""

from __future__ import annotations

from crewai import Agent, Crew, Task


def interview() -> Crew:
    editor = Agent(
        role="Interview editor",
        goal="Prepare interviews that people like to read",
        backstory="You have prepared hundreds of interviews and know what gets an honest answer.",
    )
    questions = Task(
        name="questions",
        description="Write 5 questions for an interview about: {user_input}",
        expected_output="5 questions, each with the reason why it is asked",
        agent=editor,
        human_input=True,
    )
    order = Task(
        name="order",
        description="Put the questions about {user_input} into a good order.",
        expected_output="The questions in their order",
        agent=editor,
        context=[questions],
    )
    invitation = Task(
        name="invitation",
        description="Write the invitation to the interview about: {user_input}",
        expected_output="An invitation of 3 paragraphs",
        agent=editor,
        context=[order],
        human_input=True,
    )
    return Crew(agents=[editor], tasks=[questions, order, invitation])
