"""A CrewAI crew that uses many features: should we open a shop there?

A tool, a typed output, a conditional task, two concurrent tasks and a guardrail for the last
answer. Nothing here depends on Slack.
"""

from typing import Any

from crewai import Agent, Crew, Task
from crewai.tasks.conditional_task import ConditionalTask
from crewai.tools import tool
from pydantic import BaseModel, Field

LONGEST_MEMO = 800
FEW = 3

RENTS = {"berlin": 31, "lisbon": 24, "madrid": 29, "vienna": 26}


class Survey(BaseModel):
    """What is known about a place."""

    place: str
    facts: list[str] = Field(description="What speaks for the place or against it")


@tool("shop_rent")
def shop_rent(city: str, square_metres: int) -> str:
    """The usual monthly rent in euros of a shop of this size in a city."""
    rent = RENTS.get(city.strip().lower())
    if rent is None:
        return f"No rents are known for {city}. Known: {', '.join(sorted(RENTS))}."
    return f"A shop of {square_metres} m² in {city} costs about {rent * square_metres} € a month."


def knows_little(output: Any) -> bool:
    """Whether the previous task, perhaps in another process, found only a few facts."""
    return len(output.pydantic.facts) < FEW


# CrewAI reads the return type of a guardrail, which must be a type rather than its name.
def fits_on_a_page(output: Any) -> tuple[bool, Any]:
    words = len(output.raw.split())
    if words > LONGEST_MEMO:
        return False, f"The memo has {words} words, and at most {LONGEST_MEMO} are allowed."
    return True, output.raw.strip()


def market() -> Crew:
    analyst = Agent(
        role="Market analyst",
        goal="Find out what a place is like for a shop",
        backstory="You have looked at a hundred places and trust figures more than feelings.",
        tools=[shop_rent],
    )
    adviser = Agent(
        role="Adviser",
        goal="Say plainly what to do",
        backstory="You write for people who have five minutes.",
    )
    survey = Task(
        name="survey",
        description="Collect what is known about the place for this plan: {user_input}",
        expected_output="The place and the facts about it",
        agent=analyst,
        output_pydantic=Survey,
    )
    dig_deeper = ConditionalTask(
        name="dig_deeper",
        condition=knows_little,
        description="Few facts were found for this plan: {user_input}. Find more.",
        expected_output="Further facts, one a line",
        agent=analyst,
    )
    customers = Task(
        name="customers",
        description="Who would come to the shop? The plan: {user_input}",
        expected_output="Three groups of customers and what each looks for",
        agent=adviser,
        context=[survey],
        async_execution=True,
    )
    rivals = Task(
        name="rivals",
        description="Who is there already? The plan: {user_input}",
        expected_output="The rivals, and what none of them offers",
        agent=adviser,
        context=[survey],
        async_execution=True,
    )
    memo = Task(
        name="memo",
        description="Write the memo: should we do it? The plan: {user_input}",
        expected_output="A memo with a recommendation and the reasons for it",
        agent=adviser,
        context=[survey, customers, rivals],
        guardrail=fits_on_a_page,
    )
    return Crew(
        agents=[analyst, adviser], tasks=[survey, dig_deeper, customers, rivals, memo], cache=False
    )
