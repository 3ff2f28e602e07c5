"""A CrewAI crew with a tool that needs approval: it pays money back.

Nothing here depends on Slack or approvals; crews.yml says that calls of `pay_back` wait for a
person. `Bookkeeper` stands in for a model: leave out `llm=` to use your own model.
"""

from __future__ import annotations

from crewai import Agent, Crew, Task
from crewai.tools import tool

from examples.bookkeeper import Bookkeeper


@tool("pay_back")
def pay_back(customer: str, euros: float, reason: str) -> str:
    """Pays an amount back to a customer, at once and for good."""
    amount = f"{euros:.2f}".removesuffix(".00")
    return f"Paid {amount} euros back to {customer} ({reason})."


def refund() -> Crew:
    clerk = Agent(
        role="Refund clerk",
        goal="Put right what went wrong for a customer",
        backstory="You pay back what is owed, not a cent more, and write a kind line with it.",
        tools=[pay_back],
        llm=Bookkeeper(model="bookkeeper"),
    )
    settle = Task(
        name="settle",
        description="Settle this complaint: {user_input}",
        expected_output="A line to the customer that says what was done",
        agent=clerk,
    )
    return Crew(agents=[clerk], tasks=[settle])
