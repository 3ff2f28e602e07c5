"""A hierarchical CrewAI crew: a manager delegates the tasks of an office move.

Nothing here depends on Slack. `manager_llm=` works as well if the manager needs no name.
"""

from __future__ import annotations

from crewai import Agent, Crew, Process, Task


def removal() -> Crew:
    """A Crew whose tasks belong to no agent: the manager decides who does what."""
    planner = Agent(
        role="Planner",
        goal="Leave nothing to the last day",
        backstory="You have moved offices, kitchens and one museum.",
    )
    buyer = Agent(
        role="Buyer",
        goal="Pay no more than needed",
        backstory="You know what vans, boxes and hands cost.",
    )
    manager = Agent(
        role="Head of the move",
        goal="See that the move comes off",
        backstory="You hand work to those who do it best, and answer for all of it.",
        allow_delegation=True,
    )
    steps = Task(
        name="steps",
        description="List the steps of this move: {user_input}",
        expected_output="The steps in their order, each with who does it",
    )
    budget = Task(
        name="budget",
        description="Say what this move costs: {user_input}",
        expected_output="A budget by step, with its total",
        context=[steps],
    )
    letter = Task(
        name="letter",
        description="Write to everybody concerned about this move: {user_input}",
        expected_output="A letter of at most a page",
        context=[steps, budget],
    )
    return Crew(
        agents=[planner, buyer],
        tasks=[steps, budget, letter],
        process=Process.hierarchical,
        manager_agent=manager,
    )
